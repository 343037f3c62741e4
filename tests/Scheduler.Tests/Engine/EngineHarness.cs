using Beamline.Contracts.Admission;
using Beamline.Contracts.Assignments;
using Beamline.Contracts.Exchange;
using Beamline.Contracts.Json;
using Beamline.Contracts.Results;
using Beamline.Contracts.Workers;
using Beamline.Scheduler.Core;
using Beamline.Scheduler.Engine;
using Beamline.Scheduler.Identity;
using Beamline.Scheduler.Ledger;
using Beamline.Scheduler.Core.Tenants;
using Microsoft.Extensions.Logging.Abstractions;

namespace Beamline.Scheduler.Tests.Engine;

/// <summary>The engine on a real ledger in a folder of its own, on the real clock.</summary>
internal sealed class EngineHarness : IAsyncDisposable
{
    private readonly bool _ownsFolder;

    private EngineHarness(LedgerStore ledger, IdentityLookup lookup, bool ownsFolder, SchedulingOptions? scheduling, EngineOptions? options, TenantsOptions? tenants, TimeProvider time)
    {
        _ownsFolder = ownsFolder;
        Ledger = ledger;
        Engine = SchedulingEngine.Start(
            ledger, lookup, [Commits], scheduling ?? new SchedulingOptions(), tenants ?? new TenantsOptions(), options ?? new EngineOptions(), time, NullLogger.Instance);
    }

    public LedgerStore Ledger { get; }
    public SchedulingEngine Engine { get; }
    public CommitRecorder Commits { get; } = new();
    public string Folder => Ledger.Options.Folder;

    public static EngineHarness Open(string? folder = null, IdentityLookup? lookup = null, int maxPages = 0, SchedulingOptions? scheduling = null, EngineOptions? options = null, Beamline.Sqlite.SqliteSynchronous synchronous = Beamline.Sqlite.SqliteSynchronous.Full, TenantsOptions? tenants = null, TimeProvider? time = null)
    {
        var ledger = LedgerStore.Open(new LedgerOptions
        {
            Folder = folder ?? Directory.CreateTempSubdirectory("beamline-ledger-").FullName,
            RetryPause = TimeSpan.FromMilliseconds(20),
            MaxPages = maxPages,
            Synchronous = synchronous,
        });
        return new EngineHarness(ledger, lookup ?? NothingKnown, folder is null, scheduling, options, tenants, time ?? TimeProvider.System);
    }

    public static ValueTask<IReadOnlyList<IdentityAnswer>> NothingKnown(IReadOnlyList<IdentityQuery> queries, CancellationToken cancellation) =>
        ValueTask.FromResult<IReadOnlyList<IdentityAnswer>>([.. queries.Select(_ => IdentityAnswer.Unknown)]);

    public static AdmitItem Item(string id, string content = "x", bool wait = false, string source = AdmitSources.Gateway, string more = "") => new()
    {
        Assignment = RawJson.FromString($$$"""{"version":"1","assignment_id":"{{{id}}}","request_id":"r-{{{id}}}","tenant_id":"t",{{{more}}}"executor":{"provider_id":"p"},"job":{"type":"crypto.hash","content":"{{{content}}}"}}"""),
        Source = source,
        Wait = wait,
    };

    public async Task<AdmitOutcome> AdmitAsync(AdmitItem item, string? watcher = null) =>
        Assert.Single(await Engine.AdmitAsync([item], watcher, TestContext.Current.CancellationToken));

    /// <summary>The files as a killed process would leave them: copied while they are in use.</summary>
    public string CopyAsAfterKill()
    {
        var copy = Directory.CreateTempSubdirectory("beamline-ledger-").FullName;
        foreach (var file in Directory.GetFiles(Folder).Where(f => !f.EndsWith(".lock", StringComparison.Ordinal) && !f.EndsWith("-shm", StringComparison.Ordinal)))
        {
            File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
        }

        return copy;
    }

    public async ValueTask DisposeAsync()
    {
        await Engine.DisposeAsync();
        await Ledger.DisposeAsync();
        if (_ownsFolder)
        {
            Directory.Delete(Folder, recursive: true);
        }
    }
}

internal sealed class CommitRecorder : ICommitListener
{
    private readonly Lock _lock = new();
    private readonly List<CommittedBatch> _batches = [];

    public IReadOnlyList<TaskEnding> Endings
    {
        get
        {
            lock (_lock)
            {
                return [.. _batches.SelectMany(b => b.Endings)];
            }
        }
    }

    public IReadOnlyList<EventRow> Events
    {
        get
        {
            lock (_lock)
            {
                return [.. _batches.SelectMany(b => b.Events)];
            }
        }
    }

    public IReadOnlyList<OutboxRow> Outbox
    {
        get
        {
            lock (_lock)
            {
                return [.. _batches.SelectMany(b => b.Outbox)];
            }
        }
    }

    public void OnCommitted(CommittedBatch batch)
    {
        lock (_lock)
        {
            _batches.Add(batch);
        }
    }
}

/// <summary>A worker over the engine's own API.</summary>
internal sealed class EngineWorker(SchedulingEngine engine, string name = "w1", string incarnation = "i1")
{
    private long _workSeq;
    private long _reportSeq;
    private SeenSeqs _seen = new(0, 0);

    public Dictionary<long, Lease> Held { get; } = [];

    public async Task<ExchangeResponse> WorkAsync(int free)
    {
        var answer = await engine.ExchangeAsync(Request(ExchangeChannels.Work, ++_workSeq, free, null), TestContext.Current.CancellationToken);
        _seen = _seen with { Work = answer.Seq };
        return Take(answer);
    }

    public async Task<ExchangeResponse> ReportAsync(int free, params IReadOnlyList<LeaseReport> reports)
    {
        var answer = await engine.ExchangeAsync(Request(ExchangeChannels.Report, ++_reportSeq, free, reports), TestContext.Current.CancellationToken);
        _seen = _seen with { Report = answer.Seq };
        return Take(answer);
    }

    public static LeaseReport Ok(Lease lease) => new()
    {
        Lease = lease.Number,
        Kind = ReportKinds.Ended,
        Result = new StepResult
        {
            Status = StepStatus.Ok,
            ErrorCode = 0,
            Metadata = StepMetadata.Of(AssignmentReader.ReadTrusted(lease.Assignment)),
            Outputs = RawJson.FromString("""{"digest":"abc"}"""),
        },
    };

    private ExchangeRequest Request(string channel, long seq, int free, IReadOnlyList<LeaseReport>? reports) => new()
    {
        Worker = name,
        Incarnation = incarnation,
        Pool = "cpu",
        Channel = channel,
        Seq = seq,
        Seen = _seen,
        Free = free,
        Running = [.. Held.Keys.Select(l => new RunningLease(l, 0, 0))],
        Offers = [new BlockOffer("crypto.hash", "1")],
        Reports = reports,
    };

    private ExchangeResponse Take(ExchangeResponse answer)
    {
        foreach (var lease in answer.Leases)
        {
            Held.Add(lease.Number, lease);
        }

        foreach (var gone in answer.Accepted.Concat(answer.Refused))
        {
            Held.Remove(gone);
        }

        return answer;
    }
}
