using Beamline.Contracts.Admission;
using Beamline.Contracts.Assignments;
using Beamline.Contracts.Errors;
using Beamline.Contracts.Json;
using Beamline.Contracts.Results;
using Beamline.Observability;
using Beamline.Scheduler.Core;
using Beamline.Scheduler.Identity;

namespace Beamline.Scheduler.Admission;

/// <summary>One item of an admission on its way: read outside the engine's lock, decided under it.</summary>
internal sealed class AdmissionItem
{
    public const string OutboxFull = "Too many messages wait for the bus; nothing more is taken until it has caught up.";

    public required AdmitItem Item { get; init; }
    public required AssignmentReading Reading { get; init; }

    /// <summary>Null when it did not read without faults.</summary>
    public Candidate? Candidate { get; init; }

    /// <summary>What the state store or an ended row says of it.</summary>
    public KnownStep? Known { get; set; }

    /// <summary>The state store has been asked about it.</summary>
    public bool Asked { get; set; }

    /// <summary>Why nothing may be decided now; null when it may.</summary>
    public string? Undecided { get; set; }
    public AdmitDecision? Decision { get; set; }

    /// <summary>The bus has been told of its rejection.</summary>
    public bool Rejected { get; set; }

    public bool FromBus => Item.Source == AdmitSources.Bus;

    public static AdmissionItem Read(AdmitItem item, string? watcher)
    {
        var reading = AssignmentReader.Read(item.Assignment.Utf8);
        using var span = SpanOf(reading);
        return new AdmissionItem { Item = item, Reading = reading, Candidate = reading.Assignment is { } read ? CandidateOf(item, reading, read, watcher) : null };
    }

    public IdentityQuery ToQuery()
    {
        var draft = Candidate!.Draft;
        return new IdentityQuery(
            draft.TenantId,
            draft.AssignmentId,
            draft.Identity,
            StepIdentity.StateKey(draft.Identity),
            StepIdentity.AssignmentStateKey(draft.TenantId, draft.AssignmentId));
    }

    /// <summary>What the caller is told, once all is committed.</summary>
    public AdmitOutcome ToOutcome() => Decision switch
    {
        null when Undecided is { } why => Refused(why),
        null => Reject(WireError.Of(Reading.Faults)),
        { Verdict: AdmitVerdict.Admitted or AdmitVerdict.Duplicate } decision => Accepted(decision),
        { Verdict: AdmitVerdict.Conflict } => Reject(ConflictError) with { Conflict = true },
        { Verdict: AdmitVerdict.Quota or AdmitVerdict.Overload } decision => Reject(BoundError(decision)),
        { } decision => Refused(OutboxFull, decision.RetryAfterMs),
    };

    public AdmitOutcome Refused(string why, long? retryAfterMs = null) => Named(new AdmitOutcome
    {
        Status = AdmitStatuses.Refused,
        Error = WireError.Of(ErrorCode.SystemOverload, why, retryAfterMs: retryAfterMs ?? 1_000),
    });

    /// <summary>The error of a rejection; null when it was not rejected.</summary>
    public WireError? Rejection() => Decision switch
    {
        null when Undecided is null => WireError.Of(Reading.Faults),
        { Verdict: AdmitVerdict.Conflict } => ConflictError,
        { Verdict: AdmitVerdict.Quota or AdmitVerdict.Overload } decision => BoundError(decision),
        _ => null,
    };

    private static readonly WireError ConflictError =
        WireError.Of(ErrorCode.InvalidInput, "The same step, or the same assignment_id, was submitted before with another executor or job.");

    private static WireError BoundError(AdmitDecision decision) => decision.Verdict == AdmitVerdict.Quota
        ? WireError.Of(
            ErrorCode.QuotaExceeded, decision.Why!, retryable: decision.RetryAfterMs is not null, retryAfterMs: decision.RetryAfterMs,
            details: RawJson.FromString($$"""{"limit":"{{decision.Limit}}"}"""))
        : WireError.Of(
            ErrorCode.SystemOverload, decision.Why!, retryAfterMs: decision.RetryAfterMs,
            details: decision.Limit is { } reason ? RawJson.FromString($$"""{"reason":"{{reason}}"}""") : null);

    private static System.Diagnostics.Activity? SpanOf(AssignmentReading reading) => reading.Assignment is { } read
        ? BeamlineTracing.StartReceive(
            new SpanIds(read.TenantId, read.TraceId, read.RunId, read.FlowId, read.StepId, read.Job.Type), read.Traceparent, read.Tracestate)
        : null;

    private static Candidate CandidateOf(AdmitItem item, AssignmentReading reading, ExecAssignment assignment, string? watcher)
    {
        // A replay has an ordinal of its own; what is submitted is the first.
        var identity = StepIdentity.KeyOf(assignment, replay: 0);
        var draft = TaskInfos.Of(assignment, item.Assignment, identity, BodyHash.Of(reading, item.Assignment.Length), item.Source, item.Principal, item.Scopes);
        return new Candidate(
            draft, TaskKeys.Of(identity, assignment.TenantId, assignment.AssignmentId), item.Wait ? watcher : null, item.Source == AdmitSources.Bus);
    }

    private AdmitOutcome Accepted(AdmitDecision decision) => Named(new AdmitOutcome
    {
        Status = AdmitStatuses.Accepted,
        State = decision.State,
        Duplicate = decision.Verdict == AdmitVerdict.Duplicate || decision.Alias,
        Result = !Item.Wait ? null : decision.Ending is { Result: { IsEmpty: false } made } ? made : decision.Result,
    });

    private AdmitOutcome Reject(WireError error) => Named(new AdmitOutcome { Status = AdmitStatuses.Rejected, Error = error });

    private AdmitOutcome Named(AdmitOutcome outcome) => outcome with
    {
        AssignmentId = Reading.AssignmentId,
        RequestId = Reading.RequestId,
        TenantId = Reading.TenantId,
    };
}
