using Beamline.Contracts.Exchange;
using Beamline.Contracts.Workers;
using Beamline.Scheduler.Core.Fairness;

namespace Beamline.Scheduler.Core;

/// <summary>What is known of one worker process. Owned by the core.</summary>
internal sealed class WorkerState(string name, string incarnation, string pool)
{
    private const int MaxDeadIncarnations = 16;
    private readonly Queue<string> _dead = new();
    private readonly Dictionary<long, TaskEntry> _leases = [];
    private long _memoryTaken;
    private int _lastChances;

    public string Name { get; } = name;
    public string Incarnation { get; private set; } = incarnation;
    public string Pool { get; set; } = pool;

    /// <summary>Where it stands in its pool; null before its first call.</summary>
    public WorkerLine? Line { get; set; }

    /// <summary>
    /// The types as its last call named them. A type may be there under two names, while the line knows it under one: whoever
    /// compared calls with the line would make a line anew at each call, and its virtual time and the worker's reservation would go.
    /// </summary>
    public IReadOnlyList<string> Offered { get; set; } = [];
    public long LastHeard { get; set; }

    /// <summary>Slots it would fill now, as far as the last call and what was granted since tell.</summary>
    public int Free { get; set; }
    public IReadOnlyDictionary<long, TaskEntry> Leases => _leases;

    /// <summary>Memory for what its leases declare, in MiB; null: it states no bound.</summary>
    public int? MemoryMb { get; set; }

    /// <summary>The task for which it is kept free.</summary>
    public TaskEntry? ReservedFor { get; private set; }

    /// <summary>The last call a channel, answered or held.</summary>
    public ExchangeCall?[] Calls { get; } = new ExchangeCall?[2];

    /// <summary>Leases refused in the last answer: telling them again is no reason to answer at once.</summary>
    public HashSet<long> RefusedBefore { get; set; } = [];

    /// <summary>Its place among the workers that wait for work.</summary>
    public LinkedListNode<WorkerState>? Waiting { get; set; }

    public ExchangeCall? HeldWork => Calls[(int)ChannelKind.Work] is { IsHeld: true } call ? call : null;

    public WorkerRoom Room => new(Free, MemoryMb is { } all ? (int)Math.Max(0, all - _memoryTaken) : int.MaxValue, Leases.Count == 0, _lastChances > 0);

    public void Take(TaskEntry entry)
    {
        if (_leases.TryAdd(entry.Lease, entry))
        {
            _memoryTaken += entry.Info.MemoryMb;
            _lastChances += entry.IsLastChance ? 1 : 0;
        }
    }

    public void Drop(TaskEntry entry)
    {
        if (_leases.Remove(entry.Lease))
        {
            _memoryTaken -= entry.Info.MemoryMb;
            _lastChances -= entry.IsLastChance ? 1 : 0;
        }
    }

    /// <summary>Whether the task would fit if nothing else ran here.</summary>
    public bool CouldHold(TaskInfo task) => task.MemoryMb <= (MemoryMb ?? int.MaxValue);

    public void Reserve(TaskEntry entry)
    {
        ReservedFor = entry;
        entry.ReservedOn = this;
        Line!.Reserved++;
    }

    public void Unreserve()
    {
        if (ReservedFor is { } entry)
        {
            ReservedFor = null;
            entry.ReservedOn = null;
            Line!.Reserved--;
            // It may wait with room that it has kept; nobody else would wake it.
            Line.Pool.Stirred = true;
        }
    }

    /// <summary>Whether its last call named the same types, in the same order: as a rule it does.</summary>
    public bool OfferedBefore(IReadOnlyList<BlockOffer> offers)
    {
        if (offers.Count != Offered.Count)
        {
            return false;
        }

        for (var i = 0; i < offers.Count; i++)
        {
            if (offers[i].Type != Offered[i])
            {
                return false;
            }
        }

        return true;
    }

    public bool IsDead(string incarnation) => _dead.Contains(incarnation);

    public void Reincarnate(string incarnation)
    {
        if (_dead.Count == MaxDeadIncarnations)
        {
            _dead.Dequeue();
        }

        _dead.Enqueue(Incarnation);
        Incarnation = incarnation;
        Calls[0] = Calls[1] = null;
        RefusedBefore = [];
        Free = 0;
    }
}

/// <summary>One exchange call: what was asked, and the answer as it comes together. Owned by the core until answered.</summary>
internal sealed class ExchangeCall(ExchangeRequest request, WorkerState? worker, long arrivedAt)
{
    public ExchangeRequest Request { get; } = request;
    public WorkerState? Worker { get; } = worker;
    public long ArrivedAt { get; set; } = arrivedAt;
    public long HoldUntil { get; set; }
    public bool IsHeld { get; set; }

    /// <summary>Who waits for the answer: the sender, and its repeats.</summary>
    public int Callers { get; set; } = 1;

    /// <summary>The leases that the worker held when it called.</summary>
    public HashSet<long> Listed { get; } = [];

    /// <summary>All callers have gone; the same seq again starts afresh.</summary>
    public bool Abandoned { get; set; }
    public List<Lease> Leases { get; } = [];
    public int LeaseBytes { get; set; }
    public List<long> Renewed { get; } = [];
    public HashSet<long> Refused { get; } = [];
    public List<long> Accepted { get; } = [];
    public List<long> Started { get; } = [];

    /// <summary>Set when decided; to be sent only after everything decided before it is committed.</summary>
    public ExchangeResponse? Answer { get; set; }

    /// <summary>Completed by whoever drives the core, after the commit.</summary>
    public TaskCompletionSource<ExchangeResponse> Completion { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
}
