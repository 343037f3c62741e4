using Beamline.Contracts;
using Beamline.Contracts.Exchange;

namespace Beamline.Scheduler.Core;

/// <summary>Who gets the next task: the workers that wait in each pool, what room they have, and what fits an answer.</summary>
internal sealed class WorkDealer(TaskTable table, TaskLife life)
{
    /// <summary>Workers with a held call and room, in the order of their turns; a ring for each pool.</summary>
    private readonly Dictionary<string, LinkedList<WorkerState>> _waiting = new(StringComparer.Ordinal);

    /// <summary>
    /// Gives waiting work to waiting workers, one by one around the ring, so that it is spread over them. Returns the held calls
    /// that got something; they are to be answered.
    /// </summary>
    public IReadOnlyList<ExchangeCall> Deal(long now)
    {
        if (life.Stirred.Count == 0)
        {
            return [];
        }

        List<ExchangeCall> filled = [];
        foreach (var (pool, ring) in _waiting)
        {
            if (life.Stirred.Contains(pool))
            {
                DealPool(now, filled, life.QueueOf(pool), ring);
            }
        }

        life.Stirred.Clear();
        return filled;
    }

    /// <summary>Grants up to <paramref name="most"/> tasks in the answer to <paramref name="call"/>.</summary>
    public int Fill(long now, WorkerState worker, ExchangeCall call, ChannelKind channel, int most)
    {
        var queue = life.QueueOf(worker.Pool);
        var granted = 0;
        while (granted < most && worker.Free > 0 && call.LeaseBytes < WireLimits.MaxBatchBytes && queue.Next(worker.Offers) is { } entry)
        {
            if (entry.MayNoLongerStart(now))
            {
                life.OnTimer(now, entry);
                continue;
            }

            var tooBig = call.LeaseBytes > 0 && call.LeaseBytes + entry.Info.Bytes.Length > WireLimits.MaxBatchBytes;
            // A wide task waits until this worker has room, and nothing overtakes it here, or it would wait for ever; on a
            // worker that holds nothing it goes ahead, however few slots that worker has.
            var tooWide = entry.Info.Slots > worker.Free && worker.Leases.Count > 0;
            if (tooBig || tooWide)
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

    public void WaitWhereFree(WorkerState worker)
    {
        StopWaiting(worker);
        if (worker.Free > 0 && worker.HeldWork is not null)
        {
            if (!_waiting.TryGetValue(worker.Pool, out var ring))
            {
                _waiting.Add(worker.Pool, ring = new LinkedList<WorkerState>());
            }

            worker.Waiting = ring.AddLast(worker);
            // There may be work that this worker alone has room for or offers.
            life.Stirred.Add(worker.Pool);
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

    private void DealPool(long now, List<ExchangeCall> filled, PoolQueue queue, LinkedList<WorkerState> ring)
    {
        var emptyHanded = 0;
        while (queue.Count > 0 && emptyHanded < ring.Count)
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
        ExpiresAt = entry.Info.Assignment.ExpiresAt,
        StartRequired = entry.Info.AtMostOnce,
        Scopes = entry.Info.Scopes,
    };
}
