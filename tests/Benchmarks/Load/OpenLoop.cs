using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Text;
using System.Text.Json;

namespace Beamline.Benchmarks.Load;

/// <summary>
/// Single submits of one tenant at an even rate, whatever the answers do. Each answer is judged: accepted, or refused as the contract
/// has it (429 with 2004 or 503 with 4002, Retry-After and retry_after_ms), or wrong.
/// </summary>
/// <param name="http">The gateway.</param>
/// <param name="tenant">Who submits.</param>
/// <param name="prefix">What its ids begin with.</param>
/// <param name="job">The job of every task, as JSON.</param>
/// <param name="wait">Whether each submit waits for its result; its latency is then that of the task.</param>
internal sealed class OpenLoop(HttpClient http, string tenant, string prefix, string job, bool wait)
{
    // A bound for a platform that no longer answers. What finds it used up is counted as wrong, so that no run passes by not asking.
    private const int MaxOutstanding = 4_000;
    private const int KeptSamples = 5;
    private const int QuotaExceeded = 2004;
    private const int SystemOverload = 4002;

    private readonly ConcurrentQueue<string> _accepted = new();
    private readonly ConcurrentQueue<double> _latencies = new();
    private readonly ConcurrentQueue<double> _refusals = new();
    private readonly ConcurrentQueue<string> _samples = new();
    private int _outstanding;
    private int _overQuota;
    private int _overload;
    private int _wrong;
    private int _number;

    public int Offered => _number;

    /// <summary>Ids that were accepted.</summary>
    public IReadOnlyCollection<string> Accepted => _accepted;

    /// <summary>Submit to answer of what was accepted.</summary>
    public IReadOnlyCollection<double> LatenciesMs => _latencies;

    /// <summary>Submit to answer of what was refused.</summary>
    public IReadOnlyCollection<double> RefusalsMs => _refusals;

    public int RefusedByQuota => _overQuota;

    public int RefusedByOverload => _overload;

    /// <summary>Answers that are neither, results that are no success, and submits that could not even be sent.</summary>
    public int Wrong => _wrong;

    /// <summary>The first of them.</summary>
    public IEnumerable<string> WrongSamples => _samples;

    public async Task RunAsync(double perSecond, TimeSpan duration, CancellationToken cancellation)
    {
        var start = Stopwatch.GetTimestamp();
        var submits = new List<Task>();
        using var ticks = new PeriodicTimer(TimeSpan.FromMilliseconds(2));
        for (var sent = 0; Stopwatch.GetElapsedTime(start) < duration && await ticks.WaitForNextTickAsync(cancellation);)
        {
            for (var due = (int)(Stopwatch.GetElapsedTime(start).TotalSeconds * perSecond); sent < due; sent++)
            {
                submits.Add(SubmitAsync(_number++, cancellation));
            }

            submits.RemoveAll(submit => submit.IsCompletedSuccessfully);
        }

        await Task.WhenAll(submits);
    }

    private async Task SubmitAsync(int number, CancellationToken cancellation)
    {
        if (Interlocked.Increment(ref _outstanding) > MaxOutstanding)
        {
            Interlocked.Decrement(ref _outstanding);
            NoteWrong("not sent: too many submits are not answered");
            return;
        }

        try
        {
            var started = Stopwatch.GetTimestamp();
            var id = $"{prefix}-{number}";
            using var content = new StringContent(Body(id), Encoding.UTF8, "application/json");
            using var answer = await http.PostAsync(new Uri(wait ? "/v1/tasks?wait=60" : "/v1/tasks", UriKind.Relative), content, cancellation);
            var text = await answer.Content.ReadAsStringAsync(cancellation);
            Judge(id, answer, text, Stopwatch.GetElapsedTime(started).TotalMilliseconds);
        }
        catch (Exception failure) when (failure is HttpRequestException or TaskCanceledException && !cancellation.IsCancellationRequested)
        {
            NoteWrong(failure.Message);
        }
        finally
        {
            Interlocked.Decrement(ref _outstanding);
        }
    }

    private string Body(string id) =>
        $$$"""{"version":"1","assignment_id":"{{{id}}}","request_id":"{{{id}}}","tenant_id":"{{{tenant}}}","executor":{"provider_id":"bench"},"job":{{{job}}}}""";

    private void Judge(string id, HttpResponseMessage answer, string text, double tookMs)
    {
        using var body = JsonDocument.Parse(text);
        var number = body.RootElement.TryGetProperty("number", out var code) ? code.GetInt32() : 0;
        var says = answer.Headers.RetryAfter?.Delta > TimeSpan.Zero && body.RootElement.TryGetProperty("retry_after_ms", out var ms) && ms.GetInt64() > 0;
        switch (answer.StatusCode)
        {
            case HttpStatusCode.OK when wait && body.RootElement.GetProperty("status").GetString() == "success":
            case HttpStatusCode.Accepted when !wait:
                _accepted.Enqueue(id);
                _latencies.Enqueue(tookMs);
                break;
            case HttpStatusCode.TooManyRequests when says && number == QuotaExceeded:
                Interlocked.Increment(ref _overQuota);
                _refusals.Enqueue(tookMs);
                break;
            case HttpStatusCode.ServiceUnavailable when says && number == SystemOverload:
                Interlocked.Increment(ref _overload);
                _refusals.Enqueue(tookMs);
                break;
            default:
                NoteWrong($"{(int)answer.StatusCode} {text}");
                break;
        }
    }

    private void NoteWrong(string what)
    {
        if (Interlocked.Increment(ref _wrong) <= KeptSamples)
        {
            _samples.Enqueue(what);
        }
    }
}
