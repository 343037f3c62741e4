using System.Buffers;
using System.Diagnostics;
using System.Net.Http.Headers;
using System.Text.Json;
using Beamline.Benchmarks.Workloads;

namespace Beamline.Benchmarks.Load;

/// <summary>What a load saw. Refused: told to come again; lost: neither that nor a result came; wrong: a result came that differs from the one computed here.</summary>
internal sealed record LoadOutcome(TimeSpan Took, int Refused, int Lost, int Wrong, IReadOnlyList<double> LatenciesMs);

/// <summary>
/// The throughput part: batches over HTTP, each answered by a stream of results as they end. As many batches are out as
/// the workload's outstanding tasks allow; it ends when every result has been observed and checked.
/// </summary>
internal sealed class BatchLoad(HttpClient http, IWorkload workload, string run)
{
    private int _next;
    private int _missing;
    private int _refused;
    private int _wrong;

    public async Task<LoadOutcome> RunAsync(int tasks, CancellationToken cancellation)
    {
        _missing = tasks;
        var start = Stopwatch.GetTimestamp();
        var lanes = Math.Max(1, workload.Outstanding / workload.BatchSize);
        await Task.WhenAll(Enumerable.Range(0, lanes).Select(_ => Task.Run(() => LaneAsync(tasks, cancellation), cancellation)));
        return new LoadOutcome(Stopwatch.GetElapsedTime(start), _refused, _missing, _wrong, []);
    }

    private async Task LaneAsync(int tasks, CancellationToken cancellation)
    {
        var body = new ArrayBufferWriter<byte>(workload.BatchSize * 1024);
        while (true)
        {
            var first = Interlocked.Add(ref _next, workload.BatchSize) - workload.BatchSize;
            if (first >= tasks)
            {
                return;
            }

            var count = Math.Min(workload.BatchSize, tasks - first);
            body.ResetWrittenCount();
            WriteBatch(body, first, count);
            await SendAsync(body.WrittenMemory, first, count, cancellation);
        }
    }

    private void WriteBatch(ArrayBufferWriter<byte> body, int first, int count)
    {
        using var writer = new Utf8JsonWriter(body, new JsonWriterOptions { SkipValidation = true });
        writer.WriteStartArray();
        for (var number = first; number < first + count; number++)
        {
            workload.Write(writer, Id(number), number);
        }

        writer.WriteEndArray();
    }

    private async Task SendAsync(ReadOnlyMemory<byte> body, int first, int count, CancellationToken cancellation)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri("/v1/tasks:batch?wait=60", UriKind.Relative));
        request.Content = new ReadOnlyMemoryContent(body);
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        using var answer = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation);
        if (!answer.IsSuccessStatusCode)
        {
            throw new InvalidOperationException($"POST /v1/tasks:batch answered {(int)answer.StatusCode}: {await answer.Content.ReadAsStringAsync(cancellation)}");
        }

        var seen = new bool[count];
        await using var stream = await answer.Content.ReadAsStreamAsync(cancellation);
        await foreach (var line in NdjsonLines.ReadAsync(stream, cancellation))
        {
            Check(line, first, seen);
        }
    }

    private void Check(ReadOnlyMemory<byte> line, int first, bool[] seen)
    {
        using var document = JsonDocument.Parse(line);
        if (!document.RootElement.TryGetProperty("result"u8, out var result) || result.ValueKind != JsonValueKind.Object)
        {
            if (document.RootElement.TryGetProperty("status"u8, out var status) && status.GetInt32() is 429 or 503)
            {
                Console.Error.WriteLine($"refused: {document.RootElement.GetRawText()}");
                Interlocked.Increment(ref _refused);
                Interlocked.Decrement(ref _missing);
            }

            return;
        }

        var id = result.GetProperty("assignment_id"u8).GetString()!;
        var number = int.Parse(id.AsSpan(id.LastIndexOf('-') + 1), System.Globalization.CultureInfo.InvariantCulture);
        if (seen[number - first] || !workload.IsRight(result, number))
        {
            Interlocked.Increment(ref _wrong);
        }

        seen[number - first] = true;
        Interlocked.Decrement(ref _missing);
    }

    private string Id(int number) => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{run}-{number}");
}
