using Beamline.Scheduler.Core.Tenants;

namespace Beamline.Scheduler.Core.Fairness;

/// <summary>One tenant's queued tasks of one block type and size: a group for each concurrency key, those that may run in a heap.</summary>
internal sealed class TenantLane(TenantQueue tenant, string type, TaskSize size) : HeapNode
{
    /// <summary>How fast the mean follows what is measured: the last ten or so runs decide.</summary>
    private const double Follow = 0.1;
    private IndexedHeap<KeyGroup> _ready;
    private KeyGroup? _plain;
    private double _meanMs;

    public TenantQueue Tenant { get; } = tenant;
    public string Type { get; } = type;
    public TaskSize Size { get; } = size;

    /// <summary>The group whose turn it is among those whose key lets them run; null when there is none.</summary>
    public KeyGroup? First => _ready.First;

    public bool IsReady => _ready.Count > 0;

    /// <summary>Its tasks without a key, or whose key has no limit.</summary>
    public KeyGroup? Plain => _plain;

    /// <summary>Run times of its tasks are known.</summary>
    public bool IsMeasured => _meanMs > 0;

    /// <summary>Expected run time of one of its tasks in milliseconds: measured here, else over all tenants, else as the block type has it.</summary>
    public double EstimateMs(TaskEntry task, double meanOfType) => Math.Max(1, _meanMs > 0 ? _meanMs : meanOfType > 0 ? meanOfType : task.Info.Cost / task.Slots);

    /// <summary>The same, of its own measurements only.</summary>
    public double MeanMs => Math.Max(1, _meanMs);

    public void Measured(double ranMs) => _meanMs = _meanMs > 0 ? _meanMs + (Follow * (ranMs - _meanMs)) : Math.Max(1, ranMs);

    public void Add(TaskEntry entry, KeyState? key, bool returns)
    {
        var group = GroupOf(key);
        group.Add(entry, returns);
        Settle(group);
    }

    public void Remove(TaskEntry entry)
    {
        var group = entry.Group!;
        group.Remove(entry);
        Settle(group);
        if (group is { Count: 0, Key: { } key })
        {
            key.Groups.Remove(group);
        }
    }

    /// <summary>Puts a group where it belongs after it, or what its key allows, has changed.</summary>
    public void Settle(KeyGroup group)
    {
        var wasReady = IsReady;
        if (group.First is not { } first || group.Key is { IsHeld: true })
        {
            _ready.Remove(group);
        }
        else if (group.IsInHeap)
        {
            _ready.Update(group, group.FirstKey, first.Id);
        }
        else
        {
            _ready.Push(group, group.FirstKey, first.Id);
        }

        Tenant.LaneChanged(this);
        if (wasReady != IsReady)
        {
            Tenant.Pool.ReadinessChanged(this);
        }
    }

    private KeyGroup GroupOf(KeyState? key)
    {
        if (key is null)
        {
            return _plain ??= new KeyGroup(this, null);
        }

        foreach (var group in key.Groups)
        {
            if (ReferenceEquals(group.Lane, this))
            {
                return group;
            }
        }

        // One for each lane of the tenant at most.
        var made = new KeyGroup(this, key);
        key.Groups.Add(made);
        return made;
    }
}
