using Beamline.Benchmarks.Measuring;
using Beamline.Contracts.Exchange;
using Beamline.Contracts.Results;
using Beamline.Contracts.Workers;
using Beamline.Scheduler.Core;
using Beamline.Scheduler.Core.Tenants;

namespace Beamline.Benchmarks.Decisions;

/// <summary>
/// A core with so many tasks queued, kept so: sixteen workers with 64 slots each take turns to report all that they hold, to be
/// granted 64 more, and as many new tasks come from the same tenants. Each step is timed with the sealing of its rows, as the
/// engine does under its lock; nothing is written anywhere.
/// </summary>
internal sealed class DecisionLoad
{
    private const int Workers = 16;
    private const int Slots = 64;
    private readonly SchedulingCore _core;
    private readonly DecisionTasks _tasks;
    private readonly StepTimes _times = new();
    private readonly BenchWorker[] _workers = [.. Enumerable.Range(0, Workers).Select(i => new BenchWorker($"worker-{i}"))];
    private readonly List<ExchangeCall> _answered = [];
    private long _now = 1_750_000_000_000;
    private int _turn;

    public DecisionLoad(int tenants, TenantsOptions limits)
    {
        _tasks = new DecisionTasks(tenants);
        _core = new SchedulingCore(
            new SchedulingOptions { MaxOpenTasks = int.MaxValue, MaxOpenBytes = long.MaxValue, MaxOutboxRows = int.MaxValue },
            epoch: 1,
            limits);
    }

    /// <summary>Bytes of the queued assignments.</summary>
    public long PayloadBytes { get; private set; }

    /// <summary>Admits so many, in batches as admission does.</summary>
    public void Queue(int count)
    {
        for (var i = 0; i < count; i++)
        {
            var candidate = _tasks.Next();
            PayloadBytes += candidate.Draft.Bytes.Length;
            Admit(candidate);
            if (i % Slots == Slots - 1 || i == count - 1)
            {
                _core.Dispatch(++_now);
                Commit();
            }
        }
    }

    /// <summary>Runs until so many decisions were made, and tells what each step cost.</summary>
    public StepTimes Run(int decisions)
    {
        _times.Clear();
        while (_times.Decisions < decisions)
        {
            var before = _times.Decisions;
            for (var i = 0; i < Workers; i++)
            {
                Turn(_workers[_turn++ % Workers]);
            }

            // Limits that hold everybody back would make this an endless loop.
            if (_times.Decisions == before)
            {
                throw new InvalidOperationException("No worker was granted anything in a whole round.");
            }
        }

        return _times;
    }

    private void Turn(BenchWorker worker)
    {
        _now++;
        var report = worker.Report();
        if (report.Reports!.Count > 0)
        {
            var (_, ended) = Timed(ref _times.Reporting, () => _core.Exchange(_now, report));
            worker.Reported();
            Purge(ended);
        }

        var work = worker.Work(Slots);
        var allocated = GC.GetAllocatedBytesForCurrentThread();
        var (call, granted) = Timed(ref _times.Deciding, () => _core.Exchange(_now, work));
        _times.Allocated += GC.GetAllocatedBytesForCurrentThread() - allocated;
        _times.Decisions += call.Leases.Count;
        worker.Granted(call, granted);
        Replace(granted);
        Timed(ref _times.Ticking, () => _core.Tick(_now));
    }

    private void Replace(ChangeBatch granted)
    {
        var replacements = granted.Tasks.Where(t => t.State.Phase == TaskPhase.Running)
            .Select(t => _tasks.NextOf(DecisionTasks.TenantNumber(t.Task.TenantId))).ToList();
        Timed(ref _times.Admitting, () =>
        {
            replacements.ForEach(Admit);
            _core.Dispatch(_now);
        });
    }

    private void Admit(Candidate candidate)
    {
        if (_core.Admit(_now, candidate, known: null).Verdict is var verdict && verdict != AdmitVerdict.Admitted)
        {
            throw new InvalidOperationException($"{candidate.Draft.AssignmentId} was not admitted: {verdict}");
        }
    }

    /// <summary>What has ended goes from the ledger at once, so that memory stays level.</summary>
    private void Purge(ChangeBatch ended)
    {
        foreach (var ending in ended.Endings)
        {
            _core.Purged(TaskKeys.Of(ending.Task.Identity, ending.Task.TenantId, ending.Task.AssignmentId), ending.Task.Id);
        }

        _core.Published(_core.OutboxRows);
    }

    private void Timed(ref long nanoseconds, Action step) => Timed(ref nanoseconds, () =>
    {
        step();
        return 0;
    });

    private (T Result, ChangeBatch Batch) Timed<T>(ref long nanoseconds, Func<T> step)
    {
        var start = ThreadClock.Now();
        var result = step();
        var batch = Commit();
        nanoseconds += ThreadClock.Now() - start;
        return (result, batch);
    }

    private ChangeBatch Commit()
    {
        var batch = _core.TakeChanges();
        _core.TakeAnswered(_answered);
        _answered.Clear();
        return batch;
    }

    /// <summary>A worker that keeps to the exchange's rules: two channels, seqs, what it has seen, what it holds.</summary>
    private sealed class BenchWorker(string name)
    {
        private static readonly BlockOffer[] Offers = [.. DecisionTasks.Types.Select(t => new BlockOffer(t, "1"))];
        private readonly List<(long Lease, TaskInfo Task)> _held = [];
        private long _workSeq;
        private long _reportSeq;

        public ExchangeRequest Work(int free) => Request(ExchangeChannels.Work, ++_workSeq, free, seen: new SeenSeqs(_workSeq - 1, _reportSeq), reports: null);

        public ExchangeRequest Report() => Request(ExchangeChannels.Report, ++_reportSeq, 0, new SeenSeqs(_workSeq, _reportSeq - 1), [.. _held.Select(h => new LeaseReport
        {
            Lease = h.Lease,
            Kind = ReportKinds.Ended,
            RanMs = (long)h.Task.Cost,
            Result = new StepResult
            {
                Status = StepStatus.Ok,
                ErrorCode = 0,
                Metadata = StepMetadata.Of(h.Task.Assignment),
                LatencyMs = (long)h.Task.Cost,
                Metrics = new StepMetrics { CpuTimeMs = 1, MemBytes = 1 },
            },
        })]);

        public void Reported() => _held.Clear();

        public void Granted(ExchangeCall call, ChangeBatch batch)
        {
            foreach (var write in batch.Tasks)
            {
                if (write.State.Phase == TaskPhase.Running && write.State.Worker == name)
                {
                    _held.Add((write.State.Lease, write.Task));
                }
            }

            if (call.Leases.Count != _held.Count)
            {
                throw new InvalidOperationException($"{name} was answered {call.Leases.Count} leases; the ledger was given {_held.Count}.");
            }
        }

        private ExchangeRequest Request(string channel, long seq, int free, SeenSeqs seen, List<LeaseReport>? reports) => new()
        {
            Worker = name,
            Incarnation = "1",
            Pool = DecisionTasks.Pool,
            Channel = channel,
            Seq = seq,
            Seen = seen,
            Free = free,
            Running = [.. _held.Select(h => new RunningLease(h.Lease, (long)h.Task.Cost, 0))],
            Offers = Offers,
            Reports = reports,
        };
    }
}

/// <summary>Nanoseconds by step, each with the sealing of its rows.</summary>
internal sealed class StepTimes
{
    public int Decisions;
    public long Deciding;
    public long Reporting;
    public long Admitting;
    public long Ticking;

    /// <summary>Bytes allocated by deciding.</summary>
    public long Allocated;

    public double NsPerDecision => (double)Deciding / Decisions;

    public StepTimes Copy() => (StepTimes)MemberwiseClone();

    public void Clear()
    {
        Decisions = 0;
        Deciding = Reporting = Admitting = Ticking = Allocated = 0;
    }
}
