using System.Globalization;

namespace Beamline.Simulation.Witnesses;

/// <summary>
/// Nothing starves: whatever was queued is leased within <paramref name="mostMs"/>; what still waits at the end has not waited
/// longer than that either. Remembers the longest wait of each kind of task.
/// </summary>
internal sealed class WaitWitness(Func<SimTask, long?> mostMs) : Witness
{
    private readonly Dictionary<SimTask, long> _since = [];

    public Dictionary<TaskPlan, (long LongestMs, int Leased)> Waits { get; } = [];

    public override void Queued(long now, SimTask task) => _since[task] = now;

    public override void Unqueued(long now, SimTask task) => _since.Remove(task);

    public override void Leased(long now, SimTask task)
    {
        if (_since.Remove(task, out var since))
        {
            Judge(task, now - since, leased: 1);
        }
    }

    public override void Forget(long now) => _since.Clear();

    public override void Finish(long now)
    {
        foreach (var (task, since) in _since)
        {
            Judge(task, now - since, leased: 0);
        }
    }

    private void Judge(SimTask task, long waited, int leased)
    {
        var (longest, count) = Waits.GetValueOrDefault(task.Plan);
        Waits[task.Plan] = (Math.Max(longest, waited), count + leased);
        if (waited > mostMs(task))
        {
            Fail(string.Create(CultureInfo.InvariantCulture, $"{task.Id} (priority {task.Plan.Priority}, {task.Plan.Slots} slots, {task.Plan.MemoryMb} MiB, weight {task.Tenant.Weight}) waited {waited} ms; allowed are {mostMs(task)}"));
        }
    }
}
