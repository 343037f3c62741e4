namespace Beamline.Scheduler.Events;

/// <summary>
/// Events gathered a tenant, in order. A tenant is due when its oldest event has waited long enough or a message is full; after
/// a failure when its pause is over. One owner: the publisher's loop.
/// </summary>
internal sealed class TenantPacks(EventOptions options, int bulkBytes)
{
    private readonly Dictionary<string, TenantEvents> _tenants = new(StringComparer.Ordinal);
    private readonly PriorityQueue<TenantEvents, DateTimeOffset> _due = new();

    /// <summary>Events held, those in flight left out.</summary>
    public int Count { get; private set; }

    /// <summary>The lowest event that is held; null when there is none.</summary>
    public long? FirstId => _tenants.Values.Where(tenant => tenant.Events.Count > 0).Min(tenant => (long?)tenant.Events[0].Id);

    public void Add(CommittedEvent added, DateTimeOffset now)
    {
        if (!_tenants.TryGetValue(added.TenantId, out var tenant))
        {
            tenant = new TenantEvents(added.TenantId, options.PackEvents);
            _tenants.Add(added.TenantId, tenant);
        }

        tenant.Events.Add(added);
        Count++;
        if (tenant.Events.Count == 1)
        {
            Schedule(tenant, now + options.GatherFor);
        }
        else if (tenant.Events.Count == options.PackEvents && tenant.Failures == 0)
        {
            Schedule(tenant, now);
        }
    }

    /// <summary>The next tenant that is due, with as many of its events as one bulk takes; null when none is due.</summary>
    public (TenantEvents Tenant, IReadOnlyList<EventPack> Packs)? TakeDue(DateTimeOffset now, bool probing)
    {
        while (_due.TryPeek(out var tenant, out var due) && due <= now)
        {
            _due.Dequeue();
            if (tenant.Events.Count > 0 && tenant.Due == due)
            {
                var packs = Cut(tenant, probing || tenant.Failures > 0 ? 1 : int.MaxValue);
                return (tenant, packs);
            }
        }

        return null;
    }

    /// <summary>When the next tenant is due; null when none is held.</summary>
    public DateTimeOffset? NextDue => _due.TryPeek(out _, out var due) ? due : null;

    /// <summary>Puts events back in front of those that came meanwhile.</summary>
    public void PutBack(TenantEvents tenant, IEnumerable<EventPack> packs, DateTimeOffset due)
    {
        var events = packs.SelectMany(pack => pack.Events).ToList();
        tenant.Events.InsertRange(0, events);
        Count += events.Count;
        Schedule(tenant, due);
    }

    /// <summary>Settles a tenant whose taken events are done with.</summary>
    public void Done(TenantEvents tenant, DateTimeOffset now)
    {
        if (tenant.Events.Count == 0)
        {
            _tenants.Remove(tenant.TenantId);
        }
        else
        {
            Schedule(tenant, now); // they have waited behind the others
        }
    }

    private void Schedule(TenantEvents tenant, DateTimeOffset due)
    {
        tenant.Due = due;
        _due.Enqueue(tenant, due); // an earlier entry is passed over when it comes up
    }

    private List<EventPack> Cut(TenantEvents tenant, int most)
    {
        var packs = new List<EventPack>();
        var taken = 0;
        var bulk = 0L;
        while (taken < tenant.Events.Count && packs.Count < most && bulk < bulkBytes - options.PackBytes)
        {
            var pack = new List<CommittedEvent>();
            var bytes = 0;
            while (taken < tenant.Events.Count && pack.Count < tenant.Limit
                && (pack.Count == 0 || bytes + tenant.Events[taken].Bytes <= options.PackBytes))
            {
                bytes += tenant.Events[taken].Bytes;
                pack.Add(tenant.Events[taken++]);
            }

            bulk += bytes;
            packs.Add(new EventPack(tenant.TenantId, pack));
        }

        tenant.Events.RemoveRange(0, taken);
        Count -= taken;
        return packs;
    }
}

/// <summary>One tenant's events that wait, and how publishing them went.</summary>
internal sealed class TenantEvents(string tenantId, int limit)
{
    public string TenantId => tenantId;

    public List<CommittedEvent> Events { get; } = [];

    public DateTimeOffset Due { get; set; }

    /// <summary>Events in a message: halved by a failure, so that one that cannot be published is soon alone.</summary>
    public int Limit { get; set; } = limit;

    /// <summary>Failures in a row while other tenants' events went through.</summary>
    public int Failures { get; set; }

    public long SuccessesAtFailure { get; set; }
}
