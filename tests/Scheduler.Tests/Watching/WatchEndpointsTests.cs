using System.Text.Json;
using Beamline.Contracts;
using Beamline.Contracts.Json;
using Beamline.Contracts.Tasks;
using Beamline.Scheduler.Tests.Engine;

namespace Beamline.Scheduler.Tests.Watching;

public sealed class WatchEndpointsTests
{
    private static readonly BeamlineJson Json = BeamlineJson.Default;

    [Fact]
    public async Task A_watcher_gets_a_line_when_it_is_registered_and_one_with_each_result_that_it_waits_for()
    {
        await using var scheduler = await SchedulerFixture.StartAsync();
        using var answer = await scheduler.StreamAsync(SchedulerMethods.WatchTasks, new WatchTasksRequest("gateway-1"), Json.WatchTasksRequest);
        using var lines = new StreamReader(await answer.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken));
        Assert.True((await ReadAsync(lines))!.Opened);
        await scheduler.AdmitAsync("gateway-1", EngineHarness.Item("a", wait: true));
        await scheduler.FinishAsync(1);
        var ended = Assert.Single((await ReadAsync(lines))!.Ended!);
        Assert.Equal(("t", "a"), (ended.TenantId, ended.AssignmentId));
        Assert.Contains("\"status\":\"success\"", ended.Result.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Asking_tells_what_has_ended_and_what_is_unknown_and_the_stream_tells_the_rest()
    {
        await using var scheduler = await SchedulerFixture.StartAsync();
        using var answer = await scheduler.StreamAsync(SchedulerMethods.WatchTasks, new WatchTasksRequest("w"), Json.WatchTasksRequest);
        using var lines = new StreamReader(await answer.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken));
        await ReadAsync(lines);
        await scheduler.AdmitAsync(null, EngineHarness.Item("ended"));
        await scheduler.FinishAsync(1);
        await scheduler.AdmitAsync(null, EngineHarness.Item("open"));
        var asked = await scheduler.CallAsync(
            SchedulerMethods.WaitTasks,
            new WaitTasksRequest { Watcher = "w", Tasks = [new("t", "ended"), new("t", "open"), new("t", "later")] },
            Json.WaitTasksRequest,
            Json.WaitTasksResponse);
        Assert.Equal("ended", Assert.Single(asked.Ended).AssignmentId);
        Assert.Equal("later", Assert.Single(asked.Unknown).AssignmentId);

        await scheduler.AdmitAsync(null, EngineHarness.Item("later"));
        await scheduler.FinishAsync(2);
        var told = new List<string>();
        while (told.Count < 2)
        {
            told.AddRange((await ReadAsync(lines))!.Ended?.Select(each => each.AssignmentId) ?? []);
        }

        Assert.Equal(["later", "open"], told.Order());
    }

    [Fact]
    public async Task At_shutdown_the_stream_ends_and_does_not_hold_the_host()
    {
        await using var scheduler = await SchedulerFixture.StartAsync();
        using var answer = await scheduler.StreamAsync(SchedulerMethods.WatchTasks, new WatchTasksRequest("w"), Json.WatchTasksRequest);
        using var lines = new StreamReader(await answer.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken));
        await ReadAsync(lines);
        await scheduler.StopAsync().WaitAsync(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken);
        Assert.Null(await ReadAsync(lines));
    }

    private static async Task<WatchLine?> ReadAsync(StreamReader lines) =>
        await lines.ReadLineAsync(TestContext.Current.CancellationToken).AsTask().WaitAsync(TimeSpan.FromSeconds(20)) is { } line
            ? JsonSerializer.Deserialize(line, Json.WatchLine)
            : null;
}
