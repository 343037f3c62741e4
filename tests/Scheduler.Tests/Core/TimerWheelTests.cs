using Beamline.Scheduler.Core;
using Beamline.Scheduler.Core.Tenants;

namespace Beamline.Scheduler.Tests.Core;

/// <summary>The wheel against a sorted list: random settings, movings, removals and steps of time, from a millisecond to years.</summary>
public sealed class TimerWheelTests
{
    private static readonly long[] Scales = [1, 60, 4_000, 60_000, 15_000, 600_000, 86_400_000, 90L * 86_400_000];

    public static TheoryData<int> Seeds => [.. Enumerable.Range(1, 40)];

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Every_timer_strikes_when_it_is_due_never_before_and_in_order(int seed)
    {
        var random = new Random(seed);
        var wheel = new TimerWheel();
        var tasks = Enumerable.Range(1, 60).Select(Entry).ToArray();
        var now = seed % 2 == 0 ? 1_800_000_000_000 + random.NextInt64(1L << 36) : random.NextInt64(100);
        for (var step = 0; step < 3_000; step++)
        {
            var task = tasks[random.Next(tasks.Length)];
            switch (random.Next(4))
            {
                case 0 or 1:
                    wheel.Set(task, now + random.NextInt64(-5, 3 * Scales[random.Next(Scales.Length)]));
                    break;
                case 2:
                    wheel.Remove(task);
                    break;
                default:
                    now += random.NextInt64(1, 2 * Scales[random.Next(Scales.Length)]);
                    Strike(wheel, tasks, now);
                    break;
            }

            Assert.Equal(tasks.Count(t => t.HasTimer), wheel.Count);
        }
    }

    [Fact]
    public void Timers_of_the_same_moment_strike_in_the_order_in_which_they_were_set()
    {
        var wheel = new TimerWheel();
        var tasks = Enumerable.Range(1, 5).Select(Entry).ToArray();
        foreach (var task in tasks.Reverse())
        {
            wheel.Set(task, 10_000);
        }

        Assert.Equal(tasks.Reverse(), Enumerable.Range(0, 5).Select(_ => wheel.Next(10_000)));
    }

    [Fact]
    public void After_the_clock_was_set_back_timers_of_the_new_time_strike()
    {
        var wheel = new TimerWheel();
        var task = Entry(1);
        wheel.Set(task, 1_000_000);
        Assert.Null(wheel.Next(500_000));
        wheel.StartAfresh(1_000);
        Assert.False(task.HasTimer);
        wheel.Set(task, 2_000);
        Assert.Null(wheel.Next(1_999));
        Assert.Same(task, wheel.Next(2_000));
    }

    private static void Strike(TimerWheel wheel, TaskEntry[] tasks, long now)
    {
        var due = tasks.Where(t => t.HasTimer && t.TimerDue <= now).ToHashSet();
        var last = 0L;
        while (wheel.Next(now) is { } struck)
        {
            Assert.True(due.Remove(struck), $"{struck.TimerDue} was not due at {now}");
            // What was set in the past strikes with what is due at once.
            Assert.True(struck.TimerDue >= last - 5, $"{struck.TimerDue} after {last}");
            last = Math.Max(last, struck.TimerDue);
        }

        Assert.Empty(due);
    }

    private static TaskEntry Entry(int id) => new(Rows.Task(id), new TenantRegistry(new TenantsOptions()).StateOf("t", 0));
}
