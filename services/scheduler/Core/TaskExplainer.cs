using Beamline.Contracts.Assignments;
using Beamline.Contracts.Errors;
using Beamline.Contracts.Tasks;
using Beamline.Scheduler.Core.Fairness;
using Beamline.Scheduler.Core.Tenants;

namespace Beamline.Scheduler.Core;

/// <summary>
/// Says why an open task waits and, roughly, for how long: by the same state that decides. Tells a tenant nothing of another but
/// what share of the pool is its own. Looks at up to 10,000 tasks and, once, at each tenant that waits.
/// </summary>
internal sealed class TaskExplainer(TaskTable table, PoolQueues queues)
{
    private const int MostCounted = 10_000;

    public TaskExplanation Explain(long now, TaskEntry entry)
    {
        var place = entry.Phase == TaskPhase.Queued && entry.Group is not null ? PlaceOf(now, entry) : null;
        return new TaskExplanation
        {
            AssignmentId = entry.Info.AssignmentId,
            TenantId = entry.Info.TenantId,
            State = entry.Phase.WireName(),
            Reasons = [.. ReasonsOf(now, entry)],
            Queue = place,
            EstimatedStartAt = place is null ? StartOfParked(entry) : now + EstimateMs(now, entry, place),
            GivesUpAt = entry.Phase == TaskPhase.Running || entry.Info.AliasOf is not null ? null : GivesUpAt(entry),
        };
    }

    /// <summary>
    /// The least time until a task that came in now would start, going by what is measured; null when nothing can be said, or when
    /// it may start at once. Counts only what surely goes before it: tasks that no limit of a key holds, of its priority or a higher
    /// one, for workers that take it too.
    /// </summary>
    public long? EstimateMs(long now, TaskInfo task, TenantState tenant)
    {
        var pool = queues.Of(task.Pool);
        if (tenant.QueueIn(pool) is not { Count: > 0 } queue || (!tenant.IsHeld && HasIdleWorker(pool, task)))
        {
            return null;
        }

        var (before, costBefore) = (0, 0.0);
        foreach (var lane in queue.Lanes)
        {
            if (lane.Plain?.CountFrom(task.Priority) is > 0 and var count && pool.Lines.Any(line => line.Offers(lane.Type) && line.Offers(task.Type)))
            {
                before += count;
                costBefore += lane.IsMeasured ? count * lane.MeanMs * (1 << lane.Size.SlotsLog2) : 0;
            }
        }

        return before > 0 && SlotsFor(now, task) is > 0 and var slots ? WaitMs(now, pool, queue, before, costBefore, task.Slots, slots) : null;
    }

    private static bool HasIdleWorker(PoolQueue pool, TaskInfo task) => pool.Lines.Any(line => line.Offers(task.Type) && line.Waiting.Any(worker =>
        worker.ReservedFor is null && worker.Room is var room && (task.Slots <= room.Slots || room.IsEmpty) && task.MemoryMb <= room.MemoryMb));

    private IEnumerable<WaitReason> ReasonsOf(long now, TaskEntry entry) => entry.Phase switch
    {
        TaskPhase.Queued when entry.Info.AliasOf is { } first => [Reason(
            WaitReasons.Alias, $"The same step runs as {table.Find(first)?.Info.AssignmentId ?? "another assignment"}; this one gets its result.")],
        TaskPhase.Queued => QueuedReasons(now, entry),
        TaskPhase.Parked => [entry.RetriesUsed > 0 || entry.StartedAt is not null
            ? Reason(WaitReasons.RetryLater, $"It failed and is tried again later ({entry.RetriesUsed} retries so far). It holds no slot and counts in no limit on running tasks.", until: entry.Due)
            : Reason(WaitReasons.NotBefore, "Its not_before has not come yet.", until: entry.Due)],
        TaskPhase.AwaitingApproval => [Reason(
            WaitReasons.Approval, $"It waits for the decision of {string.Join(", ", ApprovalInputs.Of(entry.Info.Bytes).Approvers)}.", until: entry.Due)],
        TaskPhase.Running when entry.CancelRequested => [Reason(WaitReasons.Cancelling, "Its cancellation has been asked for; its worker is being told.", until: entry.TermEnd)],
        TaskPhase.Running => [Reason(WaitReasons.Running, $"Worker {entry.Worker!.Name} has it (delivery {entry.Delivery}).")],
        _ => [],
    };

    private IEnumerable<WaitReason> QueuedReasons(long now, TaskEntry entry)
    {
        var info = entry.Info;
        var live = queues.LiveWorkers(now, info.Pool, info.Type).ToList();
        if (live.Count == 0)
        {
            yield return Reason(WaitReasons.NoExecutor, $"No live {info.Pool} executor offers {info.Type}.");
        }
        else if (!live.Any(w => w.CouldHold(info)))
        {
            yield return Reason(WaitReasons.NoExecutorLargeEnough, $"It declares {info.MemoryMb} MiB; no {info.Pool} executor that offers {info.Type} has so much.");
        }

        var limits = LimitsOn(entry).ToList();
        foreach (var limit in limits)
        {
            yield return limit;
        }

        if (entry.ReservedOn is { } worker)
        {
            yield return Reason(WaitReasons.RoomReserved, $"Worker {worker.Name} takes nothing else until it has room for it ({info.Slots} slots, {info.MemoryMb} MiB).");
        }
        else if (live.Any(w => w.CouldHold(info)) && (limits.Count == 0 || !live.Any(w => w.Room.Fits(entry))))
        {
            yield return Reason(WaitReasons.WorkersBusy, "The executors that offer its type are busy; its turn comes by the tenant's share and its place in the queue.");
        }
    }

    private static IEnumerable<WaitReason> LimitsOn(TaskEntry entry)
    {
        var tenant = entry.Tenant;
        var policy = tenant.Policy;
        switch (tenant.Hold)
        {
            case Hold.Running:
                yield return Limit(QuotaLimits.Running, $"The tenant runs {tenant.Running.Count} of the {policy.MaxRunning} tasks that it may run at a time.");
                break;
            case Hold.StartRate:
                yield return Limit(QuotaLimits.StartRate, $"The tenant may start {policy.Starts!.PerSecond} tasks a second.", tenant.LooksAgainAt);
                break;
            case Hold.CpuTime:
                yield return Limit(QuotaLimits.CpuTime, $"The tenant has used the {policy.CpuMsPerWindow} ms of CPU time that it may in the window.", tenant.LooksAgainAt);
                break;
        }

        if (!tenant.HasMemoryFor(entry))
        {
            yield return Limit(QuotaLimits.Memory, $"The tenant's running tasks declare {tenant.MemoryMb} MiB of the {policy.MaxMemoryMb} that they may.");
        }

        switch (entry.Group?.Key)
        {
            case { Hold: Hold.Running } key:
                yield return Limit(QuotaLimits.KeyRunning, $"With concurrency_key {key.Key}, {key.Running.Count} of the {key.Policy.MaxRunning} tasks run that may at a time.");
                break;
            case { Hold: Hold.StartRate } key:
                yield return Limit(QuotaLimits.KeyStartRate, $"With concurrency_key {key.Key}, {key.Policy.Starts!.PerSecond} tasks a second may start.", key.LooksAgainAt);
                break;
        }
    }

    private QueuePlace PlaceOf(long now, TaskEntry entry)
    {
        var pool = queues.Of(entry.Info.Pool);
        var queue = entry.Group!.Lane.Tenant;
        var before = 0;
        foreach (var group in queue.Groups)
        {
            before += group.CountBefore(entry, MostCounted - before);
            if (before >= MostCounted)
            {
                break;
            }
        }

        return new QueuePlace
        {
            Pool = entry.Info.Pool,
            Position = before + 1,
            PositionIsAtLeast = before >= MostCounted,
            TenantQueued = queue.Count,
            Weight = entry.Tenant.Policy.Weight,
            Share = entry.Tenant.Policy.Weight / pool.WaitingWeight(now, queue),
            Slots = SlotsFor(now, entry.Info),
        };
    }

    private long? EstimateMs(long now, TaskEntry entry, QueuePlace place)
    {
        var lane = entry.Group!.Lane;
        return place.Slots == 0 || place.PositionIsAtLeast || !lane.IsMeasured || entry.Tenant.Hold == Hold.CpuTime
            ? null
            : WaitMs(now, queues.Of(entry.Info.Pool), lane.Tenant, place.Position, place.Position * lane.MeanMs * entry.Slots, entry.Slots, place.Slots);
    }

    /// <summary>The work before it ÷ what the tenant gets of the pool, or its own limits allow.</summary>
    private static long WaitMs(long now, PoolQueue pool, TenantQueue queue, int position, double costBefore, int taskSlots, int slots)
    {
        var policy = queue.Tenant.Policy;
        var share = slots * policy.Weight / pool.WaitingWeight(now, queue);
        var byRuns = costBefore / Math.Max(taskSlots, Math.Min(share, (double)policy.MaxRunning * taskSlots));
        var byRate = policy.Starts is { } rate ? position / rate.PerSecond * 1000 : 0;
        return (long)Math.Min(Math.Max(byRuns, byRate), TimeSpan.FromDays(90).TotalMilliseconds);
    }

    private static long? StartOfParked(TaskEntry entry) => entry.Phase == TaskPhase.Parked ? entry.Due : null;

    /// <summary>Null for what is parked and expires never: its queue timeout begins when it is queued.</summary>
    private static long? GivesUpAt(TaskEntry entry) => (entry.Phase, entry.Info.ExpiresAt) switch
    {
        (TaskPhase.AwaitingApproval, _) => entry.Due,
        (TaskPhase.Parked, long.MaxValue) => null,
        (TaskPhase.Parked, var expires) => expires,
        (_, var expires) => Math.Min(entry.Due, expires),
    };

    private int SlotsFor(long now, TaskInfo task)
    {
        var slots = 0L;
        foreach (var worker in queues.LiveWorkers(now, task.Pool, task.Type))
        {
            slots += worker.Free + worker.Leases.Values.Sum(e => (long)e.Slots);
        }

        return (int)Math.Min(slots, int.MaxValue);
    }

    private static WaitReason Limit(string limit, string message, long? until = null) => Reason(WaitReasons.Limit, message, limit, until);

    private static WaitReason Reason(string code, string message, string? limit = null, long? until = null) =>
        new() { Code = code, Message = message, Limit = limit, Until = until };
}
