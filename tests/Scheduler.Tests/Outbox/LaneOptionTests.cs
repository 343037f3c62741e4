using Beamline.Scheduler.Lanes;

namespace Beamline.Scheduler.Tests.Outbox;

/// <summary>What each pause and bound of a lane changes (its batches and buffers stand with the publisher's tests).</summary>
public sealed class LaneOptionTests
{
    [Fact]
    public async Task Pauses_begin_with_FirstRetry_and_grow_to_LongestRetry()
    {
        await using var bench = new OutboxBench(new LaneOptions { FirstRetry = TimeSpan.FromSeconds(7), LongestRetry = TimeSpan.FromSeconds(9) });
        bench.Sidecar.BusAway = true;
        bench.Commit(Rows.Result(1), Rows.Result(2));
        await bench.StartAsync();
        await bench.Time.WaitsAsync(TimeSpan.FromSeconds(7));
        bench.Time.Advance(TimeSpan.FromSeconds(7));
        await bench.Time.WaitsAsync(TimeSpan.FromSeconds(9));
    }

    [Fact]
    public async Task A_row_alone_refused_is_put_aside_for_FirstPark_and_then_for_no_longer_than_LongestPark()
    {
        await using var bench = new OutboxBench(new LaneOptions { BatchRows = 1, FirstPark = TimeSpan.FromSeconds(11), LongestPark = TimeSpan.FromSeconds(13), GatherFinished = TimeSpan.Zero });
        bench.Sidecar.Poison = "POISON";
        await bench.StartAsync();
        bench.Commit(Rows.Result(1));
        await bench.LeftAsync(0);
        bench.Commit(Rows.Result(2, result: """{"id":"POISON"}"""));
        await bench.Time.RunUntilAsync(bench.Time.WaitsAsync(TimeSpan.FromSeconds(11)));
        bench.Commit(Rows.Result(3));
        await bench.LeftAsync(1);
        bench.Time.Advance(TimeSpan.FromSeconds(11));
        await bench.Time.RunUntilAsync(bench.Time.WaitsAsync(TimeSpan.FromSeconds(13)));
    }

    [Fact]
    public async Task What_is_put_aside_beyond_ParkedRows_stays_in_the_ledger()
    {
        await using var bench = new OutboxBench(new LaneOptions { ParkedRows = 1 });
        bench.Sidecar.Poison = "POISON";
        await bench.StartAsync();
        bench.Commit([.. Enumerable.Range(1, 3).Select(id => Rows.Result(id, result: $$"""{"id":"POISON{{id}}"}""")), Rows.Result(4)]);
        await bench.LeftAsync(3);
        bench.Sidecar.Poison = null;
        await bench.LeftAsync(2);
        bench.Commit(Rows.Result(5));
        await bench.PublishedAsync(3);
        await bench.LeftAsync(2);
        Assert.Equal(3, bench.Sidecar.Messages.Count);
    }

    [Fact]
    public async Task Rows_that_have_left_are_taken_out_together_after_GatherFinished()
    {
        await using var bench = new OutboxBench(new LaneOptions { GatherFinished = TimeSpan.FromSeconds(9) });
        await bench.StartAsync();
        bench.Commit(Rows.Result(1));
        await bench.Time.WaitsAsync(TimeSpan.FromSeconds(9));
        Assert.Single(bench.Sidecar.Messages);
    }
}
