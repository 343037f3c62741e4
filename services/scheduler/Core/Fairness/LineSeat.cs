namespace Beamline.Scheduler.Core.Fairness;

/// <summary>A tenant's place in a line of workers, for its light or its other tasks. Kept in order by its <see cref="SeatQueue"/>.</summary>
internal sealed class LineSeat(TenantQueue tenant, WorkerLine line, bool light) : HeapNode
{
    public TenantQueue Tenant { get; } = tenant;
    public WorkerLine Line { get; } = line;
    public bool Light { get; } = light;

    /// <summary>Lanes of offered types that have a task which may run.</summary>
    public int ReadyLanes { get; set; }

    /// <summary>It stands among those whose turn may be now, by deadline; else among those that are ahead of their share.</summary>
    public bool IsEligible { get; set; }

    /// <summary>It is in no heap, so that however many wait like that hold up nobody; see <see cref="TenantQueue.IsStuckIn"/>.</summary>
    public bool IsStuck { get; private set; }

    public bool MayBeServed => ReadyLanes > 0 && !IsStuck && !Tenant.Tenant.IsHeld;

    /// <summary>When the tenant's next task would have been served if the pool were divided without end: virtual time.</summary>
    public double Deadline => Tenant.VirtualTime + Tenant.NextCost;

    public void Stick()
    {
        IsStuck = true;
        Line.StuckSeats++;
    }

    public void Unstick()
    {
        IsStuck = false;
        Line.StuckSeats--;
    }
}

/// <summary>
/// The seats of a line in the order of worst-case fair queueing (WF2Q+, Bennett and Zhang 1997): of the tenants that have not had
/// more than their share (virtual time not after the line's) the one whose next task is due first. By virtual time alone each of
/// many tenants could be a large task ahead at once, and all of that at the cost of one. A mutable value: never copied.
/// </summary>
internal struct SeatQueue
{
    /// <summary>Ahead of their share, by virtual time. A key may lag behind; it never runs ahead.</summary>
    private IndexedHeap<LineSeat> _ahead;

    /// <summary>By deadline. A key may lag behind; it is put right when its turn comes.</summary>
    private IndexedHeap<LineSeat> _eligible;

    /// <summary>The earliest virtual time of those that are ahead; null when there are none.</summary>
    public double? NextEligibleAt => FirstAhead()?.Tenant.VirtualTime;

    public void Seat(LineSeat seat, double now)
    {
        if (seat.IsInHeap)
        {
            Remove(seat);
        }

        if (!seat.MayBeServed)
        {
            return;
        }

        seat.IsEligible = seat.Tenant.VirtualTime <= now;
        if (seat.IsEligible)
        {
            _eligible.Push(seat, seat.Deadline, seat.Tenant.Ordinal);
        }
        else
        {
            _ahead.Push(seat, seat.Tenant.VirtualTime, seat.Tenant.Ordinal);
        }
    }

    public void Remove(LineSeat seat)
    {
        if (seat.IsEligible)
        {
            _eligible.Remove(seat);
        }
        else
        {
            _ahead.Remove(seat);
        }
    }

    /// <summary>The seat whose turn it is at the line's virtual time; null when nobody is within its share.</summary>
    public LineSeat? First(double now)
    {
        while (FirstAhead() is { } next && next.Tenant.VirtualTime <= now)
        {
            Seat(next, now);
        }

        while (_eligible.First is { } seat)
        {
            if (!seat.MayBeServed || seat.Tenant.VirtualTime > now)
            {
                Seat(seat, now);
            }
            else if (_eligible.KeyOf(seat) < seat.Deadline)
            {
                _eligible.Update(seat, seat.Deadline, seat.Tenant.Ordinal);
            }
            else
            {
                return seat;
            }
        }

        return null;
    }

    // Seats whose time has moved on, or that have nothing to run, are found here and not when that happens: each once.
    private LineSeat? FirstAhead()
    {
        while (_ahead.First is { } seat)
        {
            if (!seat.MayBeServed)
            {
                _ahead.Remove(seat);
            }
            else if (_ahead.KeyOf(seat) < seat.Tenant.VirtualTime)
            {
                _ahead.Update(seat, seat.Tenant.VirtualTime, seat.Tenant.Ordinal);
            }
            else
            {
                return seat;
            }
        }

        return null;
    }
}
