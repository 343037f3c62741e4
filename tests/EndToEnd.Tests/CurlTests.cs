using System.Text.Json.Nodes;
using Beamline.TestKit.Processes;

namespace Beamline.EndToEnd.Tests;

/// <summary>A plain curl can submit, wait, stream events and cancel.</summary>
public sealed class CurlTests(LocalPlatformProcess local) : IClassFixture<LocalPlatformProcess>
{
    private const string Hash = """{"version":"1","executor":{"provider_id":"curl"},"job":{"type":"crypto.hash","algorithm":"sha256","content":"abc"}}""";
    private const string Later = """{"version":"1","executor":{"provider_id":"curl"},"not_before":4102444800000,"job":{"type":"crypto.hash","algorithm":"sha256","content":"abc"}}""";

    [Fact]
    public async Task It_submits_and_waits_for_the_result()
    {
        var result = JsonNode.Parse(await CurlAsync("/v1/tasks?wait=20", "-H", "Content-Type: application/json", "-d", Hash))!;
        Assert.Equal("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", result["result"]!["digest"]!.GetValue<string>());
    }

    [Fact]
    public async Task It_streams_the_events_of_a_task_until_the_end()
    {
        var submitted = JsonNode.Parse(await CurlAsync("/v1/tasks", "-H", "Content-Type: application/json", "-d", Hash))!;
        var events = await CurlAsync($"/v1/tasks/{submitted["assignment_id"]}/events", "-N", "--max-time", "20");
        Assert.Contains("\"accepted\"", events, StringComparison.Ordinal);
        Assert.Contains("\"completed\"", events, StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_reads_the_metrics_of_every_service_in_the_process()
    {
        await CurlAsync("/v1/tasks?wait=20", "-H", "Content-Type: application/json", "-d", Hash);
        var metrics = await CurlAsync("/metrics");
        Assert.Contains("worker_tasks_total{status=\"success\",type=\"crypto.hash\"}", metrics, StringComparison.Ordinal);
        Assert.Contains("worker_pool_queue_depth{pool=\"cpu\"}", metrics, StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_cancels()
    {
        var submitted = JsonNode.Parse(await CurlAsync("/v1/tasks", "-H", "Content-Type: application/json", "-d", Later))!;
        await CurlAsync($"/v1/tasks/{submitted["assignment_id"]}", "-X", "DELETE");
        var task = JsonNode.Parse(await CurlAsync($"/v1/tasks/{submitted["assignment_id"]}?wait=20"))!;
        Assert.Equal("cancelled", task["state"]!.GetValue<string>());
    }

    [Fact]
    public async Task The_same_idempotency_key_is_the_same_task_and_another_body_a_conflict()
    {
        string[] key = ["-H", "Content-Type: application/json", "-H", "Idempotency-Key: order-17"];
        var first = JsonNode.Parse(await CurlAsync("/v1/tasks", [.. key, "-d", Hash]))!;
        var second = JsonNode.Parse(await CurlAsync("/v1/tasks", [.. key, "-d", Hash]))!;
        Assert.Equal(first["assignment_id"]!.GetValue<string>(), second["assignment_id"]!.GetValue<string>());
        Assert.EndsWith("409", await CurlAsync("/v1/tasks", [.. key, "-w", "%{http_code}", "-d", Hash.Replace("abc", "abd", StringComparison.Ordinal)]), StringComparison.Ordinal);
    }

    private async Task<string> CurlAsync(string path, params string[] arguments)
    {
        if (!File.Exists("/usr/bin/curl"))
        {
            Assert.Skip("curl is not installed");
        }

        await using var curl = ServiceProcess.Start("curl", "/usr/bin/curl", ["-s", "-S", new Uri(local.Gateway, path).ToString(), .. arguments]);
        var code = await curl.WaitForExitAsync(TimeSpan.FromSeconds(40));
        Assert.True(code == 0, $"curl ended with {code}: {curl.Output}");
        return curl.Output;
    }
}
