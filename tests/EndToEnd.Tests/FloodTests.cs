using System.Net;
using System.Text;
using System.Text.Json;

namespace Beamline.EndToEnd.Tests;

/// <summary>100,000 tiny tasks at once: each is answered and ends, and memory stays within a bound.</summary>
public sealed class FloodTests(LocalPlatformProcess local) : IClassFixture<LocalPlatformProcess>
{
    private const int Batches = 100;
    private const int BatchSize = 1_000;
    private const long MemoryBound = 1_000L * 1024 * 1024;
    private const string DigestOfX = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881";

    // The Retry-After of a gateway whose queue is full.
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(2);

    [Fact]
    public async Task A_hundred_thousand_tasks_at_once_all_end_in_bounded_memory()
    {
        using var http = new HttpClient { BaseAddress = local.Gateway, Timeout = TimeSpan.FromMinutes(2) };
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(2));

        // Each batch's client returns when every task of it has ended with the right result.
        await Task.WhenAll(Enumerable.Range(0, Batches).Select(batch => RunAsync(http, batch, patience.Token)));

        var peak = local.Process.PeakResidentBytes;
        TestContext.Current.SendDiagnosticMessage($"peak resident memory: {peak / (1024 * 1024)} MiB");
        Assert.InRange(peak, 1, MemoryBound);
    }

    private static async Task RunAsync(HttpClient http, int batch, CancellationToken cancellation)
    {
        var open = Enumerable.Range(0, BatchSize).Select(n => $"flood-{batch}-{n}").ToHashSet();
        while (true)
        {
            foreach (var ended in await SubmitAsync(http, open, cancellation))
            {
                Assert.True(open.Remove(ended));
            }

            if (open.Count == 0)
            {
                return;
            }

            // Refused for now, or not ended in time: the same ids again, which runs nothing twice.
            await Task.Delay(Pause, TimeProvider.System, cancellation);
        }
    }

    /// <returns>The tasks that have ended.</returns>
    private static async Task<List<string>> SubmitAsync(HttpClient http, IEnumerable<string> ids, CancellationToken cancellation)
    {
        using var content = new StringContent($"[{string.Join(',', ids.Select(Task))}]", Encoding.UTF8, "application/json");
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri("/v1/tasks:batch?wait=30", UriKind.Relative)) { Content = content };
        using var answer = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation);
        if (answer.StatusCode == HttpStatusCode.ServiceUnavailable)
        {
            Assert.NotNull(answer.Headers.RetryAfter);
            return [];
        }

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        var ended = new List<string>();
        using var lines = new StreamReader(await answer.Content.ReadAsStreamAsync(cancellation));
        while (await lines.ReadLineAsync(cancellation) is { } line)
        {
            using var item = JsonDocument.Parse(line);
            var status = item.RootElement.GetProperty("status").GetInt32();
            if (status == 200)
            {
                Assert.Equal(DigestOfX, item.RootElement.GetProperty("result").GetProperty("result").GetProperty("digest").GetString());
                ended.Add(item.RootElement.GetProperty("assignment_id").GetString()!);
            }
            else
            {
                Assert.True(status is 202 or 429 or 503, line);
            }
        }

        return ended;

        static string Task(string id) =>
            $$$"""{"version":"1","assignment_id":"{{{id}}}","executor":{"provider_id":"p"},"job":{"type":"crypto.hash","algorithm":"sha256","content":"x"}}""";
    }
}
