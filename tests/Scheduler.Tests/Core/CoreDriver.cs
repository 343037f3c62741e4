using Beamline.Contracts.Assignments;
using Beamline.Contracts.Exchange;
using Beamline.Contracts.Json;
using Beamline.Contracts.Results;
using Beamline.Contracts.Workers;
using Beamline.Scheduler.Core;
using Beamline.Scheduler.Core.Tenants;

namespace Beamline.Scheduler.Tests.Core;

/// <summary>The core with a clock set by hand and a memory of what it wrote; no IO.</summary>
internal sealed class CoreDriver
{
    public const long Start = 1_000_000_000_000;

    public CoreDriver(SchedulingOptions? options = null, long epoch = 1, TenantsOptions? tenants = null)
    {
        Options = options ?? new SchedulingOptions();
        Tenants = tenants ?? new TenantsOptions();
        Core = new SchedulingCore(Options, epoch, Tenants);
    }

    public TenantsOptions Tenants { get; }

    public SchedulingOptions Options { get; }
    public SchedulingCore Core { get; private set; }
    public long Now { get; private set; } = Start;

    /// <summary>The rows as a ledger would hold them.</summary>
    public Dictionary<long, TaskWrite> Rows { get; } = [];
    public List<TaskEnding> Endings { get; } = [];
    public List<(long Task, string Type)> Events { get; } = [];
    public List<Beamline.Scheduler.Ledger.EventRow> EventRows { get; } = [];
    public List<Beamline.Scheduler.Ledger.OutboxRow> Outbox { get; } = [];
    public List<Beamline.Scheduler.Ledger.DeadLetterRow> DeadLetters { get; } = [];
    private readonly List<RememberedCancel> _cancels = [];
    private readonly Dictionary<(string, long), CpuUse> _cpuUsed = [];

    public static Candidate Candidate(string id, string tenant = "t", string job = """{"type":"crypto.hash","content":"x"}""", string more = "", bool fromBus = false, string? watcher = null)
    {
        var bytes = RawJson.FromString($$$"""{"version":"1","assignment_id":"{{{id}}}","request_id":"r-{{{id}}}","tenant_id":"{{{tenant}}}","executor":{"provider_id":"p"},{{{more}}}"job":{{{job}}}}""");
        var reading = AssignmentReader.Read(bytes.Utf8);
        Assert.Empty(reading.Faults);
        var identity = StepIdentity.KeyOf(reading.Assignment!, 0);
        var draft = TaskInfos.Of(reading.Assignment!, bytes, identity, BodyHash.Of(bytes.Utf8), "gateway", null, null);
        return new Candidate(draft, TaskKeys.Of(identity, tenant, id), watcher, fromBus);
    }

    public AdmitDecision Admit(string id, string tenant = "t", string job = """{"type":"crypto.hash","content":"x"}""", string more = "", KnownStep? known = null, bool fromBus = false)
    {
        var decision = Core.Admit(Now, Candidate(id, tenant, job, more, fromBus), known);
        Core.Dispatch(Now);
        Commit();
        return decision;
    }

    public void AdmitMany(int count, string prefix = "a", string tenant = "t")
    {
        for (var i = 0; i < count; i++)
        {
            Assert.Equal(AdmitVerdict.Admitted, Admit($"{prefix}{i}", tenant).Verdict);
        }
    }

    public void Pass(TimeSpan time)
    {
        Now += (long)time.TotalMilliseconds;
        Core.Tick(Now);
        Commit();
    }

    /// <summary>Time passes and nobody calls.</summary>
    public void Sleep(TimeSpan time) => Now += (long)time.TotalMilliseconds;

    /// <summary>The machine's clock is set; no time passes.</summary>
    public void SetClock(TimeSpan by)
    {
        Now += (long)by.TotalMilliseconds;
        Core.ClockWasSet(Now, (long)by.TotalMilliseconds);
        Commit();
    }

    public ExchangeCall Call(ExchangeRequest request)
    {
        var call = Core.Exchange(Now, request);
        Commit();
        return call;
    }

    public CoreWorker Worker(string name = "w1", string incarnation = "i1", string pool = "cpu") => new(this, name, incarnation, pool);

    public TaskPhase? Cancel(string id, string tenant = "t")
    {
        var phase = Core.Cancel(Now, new ExecCancel { AssignmentId = id, TenantId = tenant, RequestedAt = Now }, out _);
        Commit();
        return phase;
    }

    /// <summary>A decision that comes after so much time in which the core was not called.</summary>
    public ApprovalVerdict Decide(string id, bool approved, string approver, string? comment = null, long? at = null, TimeSpan after = default)
    {
        Sleep(after);
        var verdict = Core.Decide(Now, new Approval { AssignmentId = id, TenantId = "t", Approved = approved, Approver = approver, Comment = comment, DecidedAt = at ?? Now });
        Commit();
        return verdict;
    }

    public TaskPhase PhaseOf(string id) => Row(id).State.Phase;

    public TaskWrite Row(string id) => Rows.Values.Single(r => r.Task.AssignmentId == id);

    public TaskEnding EndingOf(string id) => Endings.Single(e => e.Task.AssignmentId == id);

    public string[] EventsOf(string id)
    {
        var task = Row(id).Task.Id;
        return [.. Events.Where(e => e.Task == task).Select(e => e.Type)];
    }

    /// <summary>Takes what changed into the rows.</summary>
    public void Commit()
    {
        var batch = Core.TakeChanges();
        foreach (var write in batch.Tasks)
        {
            Assert.Equal(write.Insert, !Rows.ContainsKey(write.Task.Id));
            Rows[write.Task.Id] = write;
        }

        Endings.AddRange(batch.Endings);
        Events.AddRange(batch.Events.Select(e => (e.TaskId, e.Type)));
        EventRows.AddRange(batch.Events);
        Outbox.AddRange(batch.Outbox);
        DeadLetters.AddRange(batch.DeadLetters);
        _cancels.RemoveAll(c => batch.CancelsForgotten.Contains((c.TenantId, c.AssignmentId)));
        _cancels.AddRange(batch.CancelsRemembered);
        foreach (var use in batch.CpuUsed)
        {
            _cpuUsed[(use.TenantId, use.Start)] = use;
        }

        Core.TakeAnswered([]);
    }

    /// <summary>The process dies and another starts on the rows; what was not committed is gone.</summary>
    public void Crash(long epoch)
    {
        Core = new SchedulingCore(Options, epoch, Tenants);
        Core.Restore(Now, new RestoredLedger(
            [.. Rows.Values.Where(r => r.Ending is null).Select(r => new RestoredTask(r.Task, r.State))],
            [.. Rows.Values.Where(r => r.Ending is not null).Select(r => new RestoredKeys(
                r.Task.Id,
                TaskKeys.Of(r.Task),
                r.Task.AliasOf is not null,
                r.State.Reported ? r.State.Lease : null))],
            [.. _cancels],
            Outbox.Count,
            [.. _cpuUsed.Values]));
        Commit();
    }

    public static StepResult Ok(string tenant = "t") => new()
    {
        Status = StepStatus.Ok,
        ErrorCode = 0,
        Metadata = new StepMetadata { TenantId = tenant },
        Outputs = RawJson.FromString("""{"ok":true}"""),
        LatencyMs = 1,
    };

    public static StepResult Failed(string tenant = "t") => new()
    {
        Status = StepStatus.Error,
        ErrorCode = Contracts.Errors.ErrorCode.NetworkError,
        Metadata = new StepMetadata { TenantId = tenant },
        ErrorMessage = "no route",
    };
}

/// <summary>A worker that keeps to the rules: it lists what it holds and tells what it has seen.</summary>
internal sealed class CoreWorker(CoreDriver driver, string name, string incarnation, string pool)
{
    private readonly long[] _seq = new long[2];
    private readonly long[] _seen = new long[2];

    public Dictionary<long, Lease> Held { get; } = [];
    public string Name => name;
    public int? MemoryMb { get; set; }
    public string[] Types { get; set; } = ["crypto.hash", "http.request", "compute.matmul", "fs.blob_put", "sql.query"];

    public ExchangeRequest Request(string channel, int free, long? seq = null, IReadOnlyList<LeaseReport>? reports = null, IReadOnlyList<LeaseStart>? starts = null, IReadOnlyList<LeaseProgress>? progress = null)
    {
        var index = channel == ExchangeChannels.Work ? 0 : 1;
        return new ExchangeRequest
        {
            Worker = name,
            Incarnation = incarnation,
            Pool = pool,
            Channel = channel,
            Seq = seq ?? ++_seq[index],
            Seen = new SeenSeqs(_seen[0], _seen[1]),
            Free = free,
            Running = [.. Held.Keys.Select(l => new RunningLease(l, 0, 0))],
            Offers = [.. Types.Select(t => new BlockOffer(t, "1"))],
            MemoryMb = MemoryMb,
            Reports = reports,
            Starts = starts,
            Progress = progress,
        };
    }

    /// <summary>A work call; its answer, when it is not held, is received.</summary>
    public ExchangeCall Work(int free)
    {
        var call = driver.Call(Request(ExchangeChannels.Work, free));
        Receive(call);
        return call;
    }

    public ExchangeCall Report(int free, params LeaseReport[] reports)
    {
        var call = driver.Call(Request(ExchangeChannels.Report, free, reports: reports));
        Receive(call);
        return call;
    }

    public void Receive(ExchangeCall call)
    {
        if (call.Answer is not { Superseded: false } answer)
        {
            return;
        }

        _seen[call.Request.Channel == ExchangeChannels.Work ? 0 : 1] = answer.Seq;
        foreach (var lease in answer.Leases)
        {
            Held[lease.Number] = lease;
        }

        foreach (var gone in answer.Accepted.Concat(answer.Refused))
        {
            Held.Remove(gone);
        }
    }

    public static LeaseReport Ended(long lease, StepResult? result = null) => new() { Lease = lease, Kind = ReportKinds.Ended, Result = result ?? CoreDriver.Ok() };

    public static LeaseReport RetryAt(long lease, long afterMs, long ranMs = 0) => new()
    {
        Lease = lease,
        Kind = ReportKinds.RetryAt,
        Result = CoreDriver.Failed(),
        RetryAfterMs = afterMs,
        RanMs = ranMs,
        RetriesUsed = 1,
    };

    public static LeaseReport HandedBack(long lease) => new() { Lease = lease, Kind = ReportKinds.HandedBack };
}
