using System.Net;
using System.Text;

namespace Beamline.EndToEnd.Tests;

/// <summary>100,000 tiny tasks at once: every one is answered and ends, and memory stays within a bound.</summary>
public sealed class FloodTests(LocalPlatformProcess local) : IClassFixture<LocalPlatformProcess>
{
    private const int Tasks = 100_000;
    private const int BatchSize = 1_000;
    private const long MemoryBound = 1_500L * 1024 * 1024;

    [Fact]
    public async Task A_hundred_thousand_tasks_at_once_all_end_in_bounded_memory()
    {
        using var http = new HttpClient { BaseAddress = local.Gateway, Timeout = TimeSpan.FromMinutes(4) };
        var batches = Enumerable.Range(0, Tasks / BatchSize).Select(batch => SubmitAsync(http, batch)).ToArray();
        Assert.Equal(Tasks, (await Task.WhenAll(batches)).Sum());

        // The last submitted end last but for the pool's spread, so wait for each batch's last one.
        for (var batch = 0; batch < batches.Length; batch++)
        {
            await EndedAsync(http, $"flood-{batch}-{BatchSize - 1}");
        }

        Assert.InRange(local.Process.ResidentBytes, 1, MemoryBound);
    }

    private static async Task<int> SubmitAsync(HttpClient http, int batch)
    {
        var body = new StringBuilder("[");
        for (var n = 0; n < BatchSize; n++)
        {
            body.Append(n == 0 ? "" : ",").Append(
                $$$"""{"version":"1","assignment_id":"flood-{{{batch}}}-{{{n}}}","executor":{"provider_id":"p"},"job":{"type":"crypto.hash","algorithm":"sha256","content":"x"}}""");
        }

        using var content = new StringContent(body.Append(']').ToString(), Encoding.UTF8, "application/json");
        while (true)
        {
            using var answer = await http.PostAsync(new Uri("/v1/tasks:batch", UriKind.Relative), content, TestContext.Current.CancellationToken);
            var text = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
            if (answer.StatusCode != HttpStatusCode.ServiceUnavailable)
            {
                Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
                return text.Split("\"accepted\"").Length - 1;
            }
        }
    }

    private static async Task EndedAsync(HttpClient http, string id)
    {
        while (true)
        {
            var text = await http.GetStringAsync(new Uri($"/v1/tasks/{id}?wait=60", UriKind.Relative), TestContext.Current.CancellationToken);
            if (text.Contains("\"success\"", StringComparison.Ordinal))
            {
                return;
            }

            Assert.Contains("queued", text, StringComparison.Ordinal);
        }
    }
}
