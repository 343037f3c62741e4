using Beamline.Contracts;
using Beamline.Contracts.Assignments;
using Beamline.Contracts.Exchange;
using Beamline.Contracts.Workers;
using Beamline.Scheduler.Core.Fairness;

namespace Beamline.Scheduler.Core;

/// <summary>Who gets the next task: the workers that wait in each pool, what room they have, and what fits an answer.</summary>
internal sealed class WorkDealer(TaskTable table, PoolQueues queues, TaskLife life)
{
    /// <summary>
    /// Gives waiting work to waiting workers, one by one around each line's ring, so that it is spread over them. Returns the held
    /// calls that got something; they are to be answered.
    /// </summary>
    public IReadOnlyList<ExchangeCall> Deal(long now)
    {
        List<ExchangeCall>? filled = null;
        foreach (var (_, queue) in queues.All)
        {
            if (queue.Stirred)
            {
                queue.Stirred = false;
                foreach (var line in queue.Lines)
                {
                    DealLine(now, filled ??= [], line);
                }
            }
        }

        return filled ?? [];
    }

    /// <summary>Grants up to <paramref name="most"/> tasks in the answer to <paramref name="call"/>.</summary>
    public int Fill(long now, WorkerState worker, ExchangeCall call, ChannelKind channel, int most)
    {
        var granted = 0;
        while (granted < most && worker.Free > 0 && call.LeaseBytes < WireLimits.MaxBatchBytes && Choose(worker) is { } entry)
        {
            if (entry.MayNoLongerStart(now))
            {
                life.OnTimer(now, entry);
                continue;
            }

            if (call.LeaseBytes > 0 && call.LeaseBytes + entry.Info.Bytes.Length > WireLimits.MaxBatchBytes)
            {
                break;
            }

            life.Grant(now, entry, worker, channel, call.Request.Seq);
            worker.Free = Math.Max(0, worker.Free - entry.Info.Slots);
            call.LeaseBytes += entry.Info.Bytes.Length;
            call.Leases.Add(LeaseOf(entry));
            granted++;
        }

        return granted;
    }

    /// <summary>
    /// The caller repeats a seq whose answer it never got, because the scheduler that granted it has died since: what that answer
    /// granted is told again. A repeat to the same scheduler never comes here: it is given the same answer.
    /// </summary>
    public void GrantAgain(long now, WorkerState worker, ExchangeCall call, ChannelKind channel)
    {
        var grant = new LeaseGrant(channel, call.Request.Seq);
        foreach (var entry in worker.Leases.Values)
        {
            if (entry.Grant == grant && !call.Listed.Contains(entry.Lease))
            {
                life.Renew(entry, now);
                call.LeaseBytes += entry.Info.Bytes.Length;
                call.Leases.Add(LeaseOf(entry));
            }
        }
    }

    /// <summary>
    /// The slots that the call asks to fill, corrected by what its sender could not know: leases granted in answers that it has
    /// not seen fill some, and those that it lists although their reports are accepted by now have become free.
    /// </summary>
    public int FreeSlots(WorkerState worker, ExchangeCall call)
    {
        if (call.Request.Draining)
        {
            return 0;
        }

        var free = call.Request.Free;
        var seen = call.Request.Seen;
        foreach (var entry in worker.Leases.Values)
        {
            if (!call.Listed.Contains(entry.Lease) && !entry.Grant.IsSettledFor(seen))
            {
                free -= entry.Info.Slots;
            }
        }

        foreach (var running in call.Request.Running)
        {
            if (!call.Accepted.Contains(running.Lease) && table.WasAccepted(running.Lease, out var slots))
            {
                free += slots;
            }
        }

        return Math.Max(0, free);
    }

    /// <summary>Puts the worker, with this memory, into the line of those that offer what it offers.</summary>
    public void Stand(WorkerState worker, IReadOnlyList<BlockOffer> offers, int? memoryMb)
    {
        var hasGrown = (memoryMb ?? int.MaxValue) > (worker.MemoryMb ?? int.MaxValue);
        worker.MemoryMb = memoryMb;
        if (worker.Line is not null && worker.OfferedBefore(offers))
        {
            Grown(worker, hasGrown);
            return;
        }

        worker.Offered = [.. offers.Select(o => o.Type)];
        string[] types = [.. worker.Offered.Select(BlockTypes.CanonicalOf).Distinct(StringComparer.Ordinal)];
        if (worker.Line?.IsFor(types) == true)
        {
            Grown(worker, hasGrown);
            return;
        }

        Leave(worker);
        worker.Line = queues.Of(worker.Pool).LineOf(types);
        worker.Line.Workers.Add(worker);
        Grown(worker, hasGrown: true);
    }

    private static void Grown(WorkerState worker, bool hasGrown)
    {
        if (hasGrown)
        {
            worker.Line!.Pool.Unstick(worker.Line);
        }
    }

    /// <summary>Takes the worker out of its line, and what it was kept free for with it.</summary>
    public void Leave(WorkerState worker)
    {
        StopWaiting(worker);
        worker.Unreserve();
        if (worker.Line is { } line)
        {
            worker.Line = null;
            queues.Of(worker.Pool).Leave(line, worker);
        }
    }

    public static void WaitWhereFree(WorkerState worker)
    {
        StopWaiting(worker);
        if (worker.Free > 0 && worker.HeldWork is not null)
        {
            worker.Waiting = worker.Line!.Waiting.AddLast(worker);
            // There may be work that this worker alone has room for.
            worker.Line.Pool.Stirred = true;
        }
    }

    public static void StopWaiting(WorkerState worker)
    {
        if (worker.Waiting is { List: { } ring } node)
        {
            ring.Remove(node);
        }

        worker.Waiting = null;
    }

    /// <summary>What this worker runs next; null when nothing fits, or when it is kept free for something that does not fit yet.</summary>
    private static TaskEntry? Choose(WorkerState worker)
    {
        var line = worker.Line!;
        if (worker.ReservedFor is { } awaited)
        {
            if (worker.CouldHold(awaited.Info) && awaited.MayStart)
            {
                return worker.Room.Fits(awaited) ? awaited : null;
            }

            // A limit holds it, or the worker has become too small: nobody is kept waiting for it meanwhile.
            worker.Unreserve();
        }

        var entry = line.Pool.Next(line, worker.Room, worker);
        if (entry is not null && line.Pool.Starving is { } starving && line.MayReserve)
        {
            worker.Reserve(starving);
            return null;
        }

        return entry;
    }

    private void DealLine(long now, List<ExchangeCall> filled, WorkerLine line)
    {
        var ring = line.Waiting;
        var emptyHanded = 0;
        while (line.First() is not null && emptyHanded < ring.Count)
        {
            var node = ring.First!;
            var worker = node.Value;
            var call = worker.HeldWork!;
            ring.RemoveFirst();
            if (Fill(now, worker, call, ChannelKind.Work, most: 1) == 0)
            {
                emptyHanded++;
            }
            else
            {
                emptyHanded = 0;
                if (call.Leases.Count == 1)
                {
                    filled.Add(call);
                }
            }

            if (worker.Free > 0)
            {
                ring.AddLast(node);
            }
        }
    }

    private static Lease LeaseOf(TaskEntry entry) => new()
    {
        Number = entry.Lease,
        TenantId = entry.Info.TenantId,
        AssignmentId = entry.Info.AssignmentId,
        Assignment = entry.Info.Bytes,
        Delivery = entry.Delivery,
        Replay = entry.Info.Replay,
        RetriesUsed = entry.RetriesUsed,
        RanMs = entry.RanMs,
        RemainingMs = entry.Info.TimeoutMs - entry.RanMs,
        ExpiresAt = entry.Info.ExpiresAt == long.MaxValue ? null : entry.Info.ExpiresAt,
        StartRequired = entry.Info.AtMostOnce,
        Scopes = entry.Info.Scopes,
    };
}
