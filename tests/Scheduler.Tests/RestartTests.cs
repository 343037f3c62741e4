using Beamline.Contracts;
using Beamline.Scheduler.Tests.Engine;

namespace Beamline.Scheduler.Tests;

public sealed class RestartTests
{
    [Fact]
    public async Task What_the_bus_and_the_state_store_were_owed_when_the_scheduler_went_down_they_get_from_the_next_one()
    {
        using var sidecar = new ScriptedSidecar();
        var first = await SchedulerFixture.StartAsync(sidecar: sidecar, settings: ("Identity:WhenStateAway", "ledger-only"));
        (sidecar.BusAway, sidecar.StoreAway) = (true, true);
        await first.AdmitAsync(null, [.. Enumerable.Range(1, 20).Select(n => EngineHarness.Item($"a{n}", source: "bus"))]);
        await first.FinishAsync(20);
        Assert.Equal("", await first.DeliverAsync("/bus/assign/01", "not json"u8.ToArray()));
        var folder = await first.LeaveAsync();

        using var back = new ScriptedSidecar();
        await using var second = await SchedulerFixture.StartAsync(folder, back);
        await second.PublishedAsync(messages => messages.Count(message => message.Topic == Topics.Result) == 20
            && messages.Count(message => message.Topic == Topics.Ack) == 21
            && messages.Count(message => message.Topic == Topics.DeadLetters) == 1
            && messages.Any(message => message.Topic == Topics.EventsOf("t")));
        await back.UntilAsync(() => back.State.Count == 20).WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);
        Assert.Equal(20, back.Messages.Where(message => message.Topic == Topics.Result).Select(message => message.Text).Distinct().Count());
    }

    [Fact]
    public async Task A_result_that_is_published_again_after_a_restart_is_the_same_to_the_byte()
    {
        using var sidecar = new ScriptedSidecar { BusAway = true };
        var first = await SchedulerFixture.StartAsync(sidecar: sidecar);
        await first.AdmitAsync(null, EngineHarness.Item("a", source: "bus"));
        await first.FinishAsync(1);
        var folder = await first.LeaveAsync();
        var copy = folder + "-copy";
        Directory.CreateDirectory(copy);
        foreach (var file in Directory.GetFiles(folder))
        {
            File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
        }

        Assert.Equal(await PublishedFromAsync(folder), await PublishedFromAsync(copy));

        static async Task<string[]> PublishedFromAsync(string folder)
        {
            using var sidecar = new ScriptedSidecar();
            await using var scheduler = await SchedulerFixture.StartAsync(folder, sidecar);
            await scheduler.PublishedAsync(messages => messages.Any(message => message.Topic == Topics.Result) && messages.Any(message => message.Topic == Topics.Ack));
            return [.. sidecar.Messages.Where(message => message.Topic is Topics.Result or Topics.Ack).Select(message => message.Text).Order()];
        }
    }
}
