using System.Diagnostics;
using System.Net;
using System.Text.Json;
using Beamline.Contracts.Json;
using Beamline.DaprAccess;
using Beamline.ExecutorHost.Blocks;
using Beamline.ExecutorHost.Tests.Harness;
using Beamline.Observability;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Beamline.ExecutorHost.Tests.Hosting;

public sealed class HostedExecutorTests
{
    [Theory]
    [InlineData("cpu")]
    [InlineData("io")]
    public async Task A_hosted_executor_runs_everything_it_is_given_and_counts_it(string pool)
    {
        const int Tasks = 20_000;
        using var sidecar = new StubSidecar(Tasks);
        await using var app = await StartAsync(sidecar, pool);

        var clock = Stopwatch.StartNew();
        await sidecar.AllReported.Task.WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);
        TestContext.Current.TestOutputHelper?.WriteLine($"{pool}: {Tasks / clock.Elapsed.TotalSeconds:0} steps/s, {(double)Tasks / sidecar.Calls:0.0} a call");

        using var http = new HttpClient { BaseAddress = new Uri(app.Urls.First()) };
        var metrics = await http.GetStringAsync("/metrics", TestContext.Current.CancellationToken);
        Assert.Contains($$"""worker_tasks_total{status="success",type="test.block"} {{Tasks}}""", Sorted(metrics), StringComparison.Ordinal);
        Assert.Contains($$"""worker_local_queue_depth{pool="{{pool}}"} 0""", metrics, StringComparison.Ordinal);
        await app.StopAsync(TestContext.Current.CancellationToken);
        Assert.True(sidecar.SawDraining);
    }

    [Fact]
    public async Task Heartbeats_say_who_the_worker_is_and_so_does_its_own_page()
    {
        using var sidecar = new StubSidecar(leases: 0);
        await using var app = await StartAsync(sidecar, "io", ("Worker:HeartbeatInterval", "00:00:00.050"), ("Worker:IoPoolSize", "5"));

        Assert.True(sidecar.Heartbeats.TryTake(out var first, TimeSpan.FromSeconds(20)));
        Assert.True(sidecar.Heartbeats.TryTake(out var second, TimeSpan.FromSeconds(20)));

        Assert.Equal(("w-9", "io", "healthy", 5), (first.WorkerId, first.Pool, first.Status, first.Capacity.Slots));
        Assert.NotEqual(first.Id, second.Id);
        Assert.Equal(first.Incarnation, second.Incarnation);
        using var http = new HttpClient { BaseAddress = new Uri(app.Urls.First()) };
        var page = JsonSerializer.Deserialize(
            await http.GetByteArrayAsync("/worker", TestContext.Current.CancellationToken), BeamlineJson.Default.WorkerHeartbeat)!;
        Assert.Equal(first.Incarnation, page.Incarnation);
        Assert.Equal(HttpStatusCode.OK, (await http.GetAsync("/_health", TestContext.Current.CancellationToken)).StatusCode);
    }

    [Fact]
    public async Task A_bus_that_is_away_holds_up_no_work()
    {
        using var sidecar = new StubSidecar(leases: 100) { BusIsAway = true };
        await using var app = await StartAsync(sidecar, "io", ("Worker:HeartbeatInterval", "00:00:00.010"));

        await sidecar.AllReported.Task.Soon();

        Assert.Equal(100, sidecar.Reported);
    }

    [Fact]
    public async Task Settings_out_of_range_stop_the_start_with_every_fault_at_once()
    {
        using var sidecar = new StubSidecar(leases: 0);

        var refused = await Assert.ThrowsAsync<OptionsValidationException>(() => StartAsync(
            sidecar, "io", ("Worker:IoPoolSize", "0"), ("Worker:StuckGrace", "-00:00:01"), ("Worker:MaxUnreportedBytes", "7")));

        Assert.Equal(3, refused.Failures.Count());
        Assert.Contains("Worker:IoPoolSize is 0", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Two_blocks_with_one_name_are_refused()
    {
        var clash = Assert.Throws<InvalidOperationException>(() => new BlockRegistry([TestBlock.Succeeds(), TestBlock.Succeeds()]));

        Assert.StartsWith("Two blocks answer to test.block", clash.Message, StringComparison.Ordinal);
    }

    // Labels in one order, whatever order the page writes them in.
    private static string Sorted(string metrics) => string.Join('\n', metrics.Split('\n').Select(line =>
        line.IndexOf('{') is > 0 and var open && line.IndexOf('}') is > 0 and var close
            ? $"{line[..(open + 1)]}{string.Join(',', line[(open + 1)..close].Split(',').Order(StringComparer.Ordinal))}{line[close..]}"
            : line));

    private static async Task<WebApplication> StartAsync(StubSidecar sidecar, string pool, params (string Key, string Value)[] settings)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.AddBeamline(pool + "-executor");
        builder.Configuration["Logging:Console"] = "false";
        builder.Configuration["Worker:Id"] = "w-9";
        foreach (var (key, value) in settings)
        {
            builder.Configuration[key] = value;
        }

        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Services.AddDaprClient(dapr =>
        {
            dapr.HttpEndpoint = new Uri("http://127.0.0.1:1");
            dapr.PrimaryHandlerFactory = () => sidecar;
        });
        builder.Services.AddSingleton(TestBlock.Succeeds());
        builder.Services.AddExecutor(pool, builder.Configuration, blocks => blocks.Services.AddSingleton<IBlockExecutor>(p => p.GetRequiredService<TestBlock>()));
        var app = builder.Build();
        app.MapBeamline();
        app.MapExecutor();
        await app.StartAsync(TestContext.Current.CancellationToken);
        return app;
    }
}
