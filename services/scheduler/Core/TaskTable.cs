using Beamline.Scheduler.Core.Tenants;

namespace Beamline.Scheduler.Core;

/// <summary>The open tasks and everything that finds or counts them.</summary>
internal sealed class TaskTable(TenantRegistry tenants)
{
    /// <summary>Accepted reports that are remembered. What falls out is refused when it comes again, which ends it just as well.</summary>
    private const int MaxAccepted = 128 * 1024;
    private readonly Dictionary<long, TaskEntry> _open = [];
    private readonly Dictionary<long, int> _accepted = [];
    private readonly Queue<long> _acceptedOrder = new();

    public IdentityIndex Index { get; } = new();

    /// <summary>Leases in force.</summary>
    public Dictionary<long, TaskEntry> Leases { get; } = [];
    public Dictionary<string, WorkerState> Workers { get; } = new(StringComparer.Ordinal);
    public int Count => _open.Count;
    public long Bytes { get; private set; }

    /// <summary>Messages that the bus still owes, staged ones included.</summary>
    public int OutboxRows { get; set; }

    /// <summary>Tasks that ended since the start: their pace tells when to come back.</summary>
    public long Ended { get; private set; }

    public IReadOnlyCollection<TaskEntry> Open => _open.Values;

    public TaskEntry? Find(long id) => _open.GetValueOrDefault(id);

    public void Add(TaskEntry entry, TaskKeys keys)
    {
        _open.Add(entry.Info.Id, entry);
        Index.Add(keys, entry.Info.Id, entry.Info.AliasOf is not null);
        Bytes += entry.Info.Bytes.Length;
        tenants.Opened(entry.Tenant, entry.Info.Bytes.Length);
    }

    /// <summary>The task has ended; its keys stay until the ledger purges its row.</summary>
    public void Close(TaskEntry entry)
    {
        if (!_open.Remove(entry.Info.Id))
        {
            return;
        }

        Ended++;
        Bytes -= entry.Info.Bytes.Length;
        tenants.Closed(entry.Tenant, entry.Info.Bytes.Length);
    }

    /// <summary>A report was taken: the same again is accepted again, and a call that still lists the lease is only late.</summary>
    public void RememberAccepted(long lease, int slots)
    {
        if (!_accepted.TryAdd(lease, slots))
        {
            return;
        }

        _acceptedOrder.Enqueue(lease);
        if (_acceptedOrder.Count > MaxAccepted)
        {
            _accepted.Remove(_acceptedOrder.Dequeue());
        }
    }

    public bool WasAccepted(long lease, out int slots) => _accepted.TryGetValue(lease, out slots);
}
