using System.Globalization;
using Beamline.Contracts.Errors;
using Beamline.Contracts.Exchange;
using Beamline.Contracts.Json;
using Beamline.Contracts.Results;
using Beamline.Contracts.Workers;

namespace Beamline.Simulation;

/// <summary>
/// A worker that keeps to the exchange's rules: one call a channel, seqs, what it has seen and holds, reports until accepted,
/// starts committed before they run, its own deadline. It runs each step for its true time. It may die and come back.
/// </summary>
internal sealed class SimulatedWorker
{
    private const long CallTimeoutMs = 6_000;
    private const long SafetyMs = 2_000;
    private static readonly RawJson Outputs = RawJson.FromString("""{"ok":true}""");

    private readonly WorkerPlan _plan;
    private readonly Agenda _agenda;
    private readonly Network _network;
    private readonly Func<string, SimTask?> _find;
    private readonly Func<long?> _leaseOfOthers;
    private readonly IReadOnlyList<Witness> _witnesses;
    private readonly Random _random;
    private readonly BlockOffer[] _offers;
    private readonly Channel[] _channels = [new(), new()];
    private readonly Dictionary<long, Held> _held = [];
    private int _incarnation;
    private int _used;
    private bool _alive;

    /// <param name="plan">What it is.</param>
    /// <param name="agenda">The time.</param>
    /// <param name="network">The way to the scheduler.</param>
    /// <param name="find">A task by its assignment's id.</param>
    /// <param name="leaseOfOthers">Some lease of another worker, for lies.</param>
    /// <param name="witnesses">Who is told of runs.</param>
    /// <param name="random">Its chance.</param>
    public SimulatedWorker(
        WorkerPlan plan, Agenda agenda, Network network, Func<string, SimTask?> find, Func<long?> leaseOfOthers, IReadOnlyList<Witness> witnesses, Random random)
    {
        (_plan, _agenda, _network, _find, _leaseOfOthers, _witnesses, _random) = (plan, agenda, network, find, leaseOfOthers, witnesses, random);
        _offers = [.. plan.Types.Select(t => new BlockOffer(t, "1"))];
        Start();
    }

    public string Name => _plan.Name;

    /// <summary>From now on steps neither fail nor ask for retries, and it tells no lies.</summary>
    public bool IsCalm { get; set; }

    /// <summary>Dies with all that it holds, and comes back as another incarnation.</summary>
    public void Crash(long downMs)
    {
        if (!_alive)
        {
            return;
        }

        _alive = false;
        _agenda.After(downMs, Start);
    }

    private void Start()
    {
        _alive = true;
        _incarnation++;
        _held.Clear();
        _used = 0;
        _channels[0] = new Channel();
        _channels[1] = new Channel();
        Call(0);
    }

    /// <summary>Sends a call where none is out: on the work channel always, on the report channel when there is something to say.</summary>
    private void Call(int index)
    {
        var channel = _channels[index];
        if (!_alive || channel.Out is not null)
        {
            return;
        }

        List<LeaseReport> reports = index == 0 ? [] : [.. _held.Values.Where(h => h.Report is not null).Select(h => h.Report!)];
        List<LeaseStart> starts = index == 0 ? [] : [.. _held.Values.Where(h => h.AwaitsStart).Select(h => new LeaseStart(h.Lease.Number))];
        if (index == 1 && reports.Count + starts.Count == 0)
        {
            return;
        }

        List<RunningLease> running = [.. _held.Values.Select(h => new RunningLease(h.Lease.Number, h.RanMs(_agenda.Now), h.Lease.RetriesUsed))];
        if (!IsCalm && _plan.Lies > 0 && _random.NextDouble() < _plan.Lies && _leaseOfOthers() is { } lease)
        {
            Lie(lease, running, reports, starts);
        }

        channel.Out = new ExchangeRequest
        {
            Worker = _plan.Name,
            Incarnation = string.Create(CultureInfo.InvariantCulture, $"i{_incarnation}"),
            Pool = SimTask.Pool,
            Channel = index == 0 ? ExchangeChannels.Work : ExchangeChannels.Report,
            Seq = ++channel.Seq,
            Seen = new SeenSeqs(_channels[0].Seen, _channels[1].Seen),
            Free = Math.Max(0, _plan.Slots - _used),
            Running = running,
            Offers = _offers,
            Reports = reports,
            Starts = starts,
        };
        channel.FirstSent = _agenda.Now;
        Send(index, channel.Out);
    }

    private static void Lie(long lease, List<RunningLease> running, List<LeaseReport> reports, List<LeaseStart> starts)
    {
        running.Add(new RunningLease(lease, 1, 0));
        starts.Add(new LeaseStart(lease));
        reports.Add(new LeaseReport
        {
            Lease = lease,
            Kind = ReportKinds.Ended,
            Result = new StepResult { Status = StepStatus.Ok, ErrorCode = ErrorCode.None, Metadata = new StepMetadata { TenantId = "another" }, Outputs = Outputs },
        });
    }

    private void Send(int index, ExchangeRequest request)
    {
        var incarnation = _incarnation;
        _network.Call(request, response =>
        {
            if (_alive && incarnation == _incarnation)
            {
                Receive(index, response);
            }
        });
        if (!_network.IsCalm || _plan.Lies > 0)
        {
            _agenda.After(CallTimeoutMs, () => TimeOut(index, request, incarnation));
        }
    }

    /// <summary>No answer: the same call again, or another one without it; both are allowed.</summary>
    private void TimeOut(int index, ExchangeRequest request, int incarnation)
    {
        if (!_alive || incarnation != _incarnation || !ReferenceEquals(_channels[index].Out, request))
        {
            return;
        }

        StopLate();
        if (_random.Next(2) == 0)
        {
            Send(index, request);
            return;
        }

        _channels[index].Out = null;
        Call(index);
    }

    private void Receive(int index, ExchangeResponse response)
    {
        var channel = _channels[index];
        if (channel.Out is null || channel.Out.Seq != response.Seq)
        {
            // Late or twice: the call has been answered, or given up for a newer one.
            return;
        }

        channel.Out = null;
        if (!response.Superseded)
        {
            channel.Seen = response.Seq;
            TakeIn(response, channel.FirstSent + response.HeldMs + response.TermMs - SafetyMs);
        }

        // An empty answer that was not held is no reason to ask again at once, and for ever.
        var empty = response is { HeldMs: 0, Leases.Count: 0, Accepted.Count: 0, Started.Count: 0 };
        _agenda.After(empty ? 50 : 0, () => Call(index));
        _agenda.After(0, () => Call(1));
    }

    private void TakeIn(ExchangeResponse response, long deadline)
    {
        foreach (var gone in response.Accepted.Concat(response.Refused))
        {
            Drop(gone);
        }

        foreach (var renewed in response.Renewed)
        {
            if (_held.TryGetValue(renewed, out var held))
            {
                held.Deadline = Math.Max(held.Deadline, deadline);
            }
        }

        foreach (var lease in response.Leases)
        {
            if (_find(lease.AssignmentId) is { } task && _held.TryAdd(lease.Number, new Held(lease, task) { Deadline = deadline }))
            {
                Begin(_held[lease.Number]);
            }
        }

        foreach (var started in response.Started)
        {
            if (_held.TryGetValue(started, out var held) && held.AwaitsStart)
            {
                held.AwaitsStart = false;
                Run(held);
            }
        }

        foreach (var cancelled in response.Cancelled)
        {
            if (_held.TryGetValue(cancelled, out var held) && held.Report is null)
            {
                Stop(held);
                held.Report = Ended(held, StepStatus.Cancelled);
            }
        }
    }

    private void Begin(Held held)
    {
        _used += held.Task.Plan.Slots;
        held.UsesSlots = true;
        if (held.Lease.ExpiresAt <= _agenda.Now + _plan.SkewMs || (!IsCalm && _random.NextDouble() < _plan.HandsBack))
        {
            Stop(held);
            held.Report = new LeaseReport { Lease = held.Lease.Number, Kind = ReportKinds.HandedBack };
        }
        else if (held.Lease.StartRequired)
        {
            held.AwaitsStart = true;
        }
        else
        {
            Run(held);
        }
    }

    private void Run(Held held)
    {
        held.StartedAt = _agenda.Now;
        held.Task.Runs++;
        foreach (var witness in _witnesses)
        {
            witness.Ran(_agenda.Now, held.Task, Name);
        }

        var incarnation = _incarnation;
        _agenda.After(held.Task.TrueMs, () =>
        {
            if (_alive && incarnation == _incarnation && held is { UsesSlots: true, Report: null })
            {
                Complete(held);
            }
        });
    }

    private void Complete(Held held)
    {
        var chance = IsCalm ? 1 : _random.NextDouble();
        held.EndedAt = _agenda.Now;
        if (chance < _plan.RetriesLater && !held.Lease.StartRequired)
        {
            held.Report = Ended(held, StepStatus.Error) with { Kind = ReportKinds.RetryAt, RetryAfterMs = 1 + _random.NextInt64(5_000) };
        }
        else
        {
            (held.Task.DoneBy ??= []).Add(Name);
            held.Report = Ended(held, chance < _plan.RetriesLater + _plan.Fails ? StepStatus.Error : StepStatus.Ok);
        }

        Stop(held);
        _agenda.After(0, () => Call(1));
    }

    /// <summary>What the scheduler may by now have given to another is stopped: its term is nearly over.</summary>
    private void StopLate()
    {
        foreach (var late in _held.Values.Where(h => h.Report is null && h.Deadline <= _agenda.Now).ToList())
        {
            Drop(late.Lease.Number);
        }
    }

    private void Drop(long lease)
    {
        if (_held.Remove(lease, out var held))
        {
            Stop(held);
        }
    }

    private void Stop(Held held)
    {
        if (held.UsesSlots)
        {
            held.UsesSlots = false;
            held.AwaitsStart = false;
            _used -= held.Task.Plan.Slots;
        }
    }

    private LeaseReport Ended(Held held, StepStatus status) => new()
    {
        Lease = held.Lease.Number,
        Kind = ReportKinds.Ended,
        RanMs = held.RanMs(_agenda.Now),
        RetriesUsed = held.Lease.RetriesUsed,
        Result = new StepResult
        {
            Status = status,
            ErrorCode = status switch
            {
                StepStatus.Ok => ErrorCode.None,
                StepStatus.Cancelled => ErrorCode.CancelledByUser,
                _ => ErrorCode.NetworkError,
            },
            Metadata = StepMetadata.Of(held.Task.Candidate.Draft.Assignment),
            Outputs = status == StepStatus.Ok ? Outputs : null,
            ErrorMessage = status == StepStatus.Ok ? null : "simulated",
            LatencyMs = held.RanMs(_agenda.Now) - held.Lease.RanMs,
            Metrics = new StepMetrics { CpuTimeMs = held.Task.Plan.CpuMs, MemBytes = 1 },
        },
    };

    private sealed class Channel
    {
        public long Seq { get; set; }
        public long Seen { get; set; }
        public ExchangeRequest? Out { get; set; }
        public long FirstSent { get; set; }
    }

    private sealed class Held(Lease lease, SimTask task)
    {
        public Lease Lease => lease;
        public SimTask Task => task;
        public long? StartedAt { get; set; }
        public long? EndedAt { get; set; }
        public long Deadline { get; set; }
        public bool UsesSlots { get; set; }
        public bool AwaitsStart { get; set; }
        public LeaseReport? Report { get; set; }

        public long RanMs(long now) => lease.RanMs + (StartedAt is { } started ? (EndedAt ?? now) - started : 0);
    }
}
