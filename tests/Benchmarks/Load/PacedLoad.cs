using System.Buffers;
using System.Diagnostics;
using System.Net.Http.Headers;
using System.Text.Json;
using Beamline.Benchmarks.Workloads;

namespace Beamline.Benchmarks.Load;

/// <summary>
/// The latency part: single submits at an even rate, whatever the answers do (an open loop), each waiting for its own
/// result. A stall of the platform does not slow the submits down, so it shows in the latencies of all that fall into it.
/// </summary>
internal sealed class PacedLoad(HttpClient http, IWorkload workload, string run)
{
    private int _lost;
    private int _refused;
    private int _wrong;

    public async Task<LoadOutcome> RunAsync(int perSecond, TimeSpan duration, CancellationToken cancellation)
    {
        var total = (int)(perSecond * duration.TotalSeconds);
        var latencies = new double[total];
        var submits = new Task[total];
        var start = Stopwatch.GetTimestamp();
        using var ticks = new PeriodicTimer(TimeSpan.FromMilliseconds(1));
        for (var number = 0; number < total;)
        {
            await ticks.WaitForNextTickAsync(cancellation);
            for (; number < total && Due(start, number, perSecond) <= Stopwatch.GetTimestamp(); number++)
            {
                submits[number] = SubmitAsync(number, Stopwatch.GetTimestamp(), latencies, cancellation);
            }
        }

        await Task.WhenAll(submits);
        return new LoadOutcome(Stopwatch.GetElapsedTime(start), _refused, _lost, _wrong, latencies);
    }

    private static long Due(long start, int number, int perSecond) => start + (number * Stopwatch.Frequency / perSecond);

    private async Task SubmitAsync(int number, long submitted, double[] latencies, CancellationToken cancellation)
    {
        var body = new ArrayBufferWriter<byte>(1024);
        using (var writer = new Utf8JsonWriter(body))
        {
            workload.Write(writer, $"{run}-{number}", number);
        }

        using var content = new ReadOnlyMemoryContent(body.WrittenMemory);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        using var answer = await http.PostAsync(new Uri("/v1/tasks?wait=30", UriKind.Relative), content, cancellation);
        var bytes = await answer.Content.ReadAsByteArrayAsync(cancellation);
        latencies[number] = Stopwatch.GetElapsedTime(submitted).TotalMilliseconds;
        if ((int)answer.StatusCode is 429 or 503)
        {
            Interlocked.Increment(ref _refused);
            return;
        }

        if ((int)answer.StatusCode != 200)
        {
            Interlocked.Increment(ref _lost);
            return;
        }

        using var document = JsonDocument.Parse(bytes);
        if (!workload.IsRight(document.RootElement, number))
        {
            Interlocked.Increment(ref _wrong);
        }
    }
}
