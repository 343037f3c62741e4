using Beamline.ExecutorHost.Leases;

namespace Beamline.ExecutorHost.Tests.Leases;

public sealed class SlotTableTests
{
    [Theory]
    [InlineData(2000, 1000, 2 + 1)]     // 2 slots × 1 ms ÷ 2 ms
    [InlineData(100, 2000, 2 + 40)]     // 2 slots × 2 ms ÷ 0.1 ms
    [InlineData(10, 2000, 2 + 64)]      // never more than 64
    [InlineData(5_000_000, 2000, 2)]    // long steps: the idle slots alone
    public void Very_short_steps_are_fetched_ahead_for_one_round_trip(int runMicros, int roundTripMicros, int free)
    {
        var slots = new SlotTable(2, memoryMb: 0);
        for (var i = 0; i < 200; i++)
        {
            slots.Ran(TimeSpan.FromMicroseconds(runMicros));
            slots.RoundTrip(TimeSpan.FromMicroseconds(roundTripMicros));
        }

        Assert.InRange(slots.Free(TimeSpan.Zero), free - 1, free);
    }

    [Fact]
    public void Before_anything_has_run_only_the_slots_are_filled()
    {
        var slots = new SlotTable(3, memoryMb: 0);
        slots.RoundTrip(TimeSpan.FromSeconds(1));

        Assert.Equal(3, slots.Free(TimeSpan.Zero));
    }
}
