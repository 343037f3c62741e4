using Beamline.Contracts.Json;
using Beamline.Contracts.Results;
using Beamline.Contracts.Workers;

namespace Beamline.Contracts.Exchange;

/// <summary>The two channels of a worker; at most one call a channel is out.</summary>
public static class ExchangeChannels
{
    /// <summary>Held up to 5 s: brings leases and cancellations.</summary>
    public const string Work = "work";

    /// <summary>Answered as soon as its reports are committed; may bring leases.</summary>
    public const string Report = "report";
}

/// <summary>One turn of a worker's conversation with the scheduler: lease, renew, report, cancel in one call.</summary>
public sealed record ExchangeRequest
{
    public required string Worker { get; init; }

    /// <summary>New at each process start. A new incarnation ends the older one's leases (counted as deliveries).</summary>
    public required string Incarnation { get; init; }
    public required string Pool { get; init; }

    /// <summary>One of <see cref="ExchangeChannels"/>.</summary>
    public required string Channel { get; init; }

    /// <summary>Rises by one a call on this channel, from 1; the same number again asks for the same answer.</summary>
    public required long Seq { get; init; }

    /// <summary>The last answered seq of both channels, taken under one lock with <see cref="Running"/>.</summary>
    public required SeenSeqs Seen { get; init; }

    /// <summary>Leases wanted, in slots; may exceed the idle slots by a small prefetch. 0 when draining.</summary>
    public required int Free { get; init; }

    /// <summary>Every lease received and not yet accepted as reported or handed back, on both channels.</summary>
    public required IReadOnlyList<RunningLease> Running { get; init; }
    public required IReadOnlyList<BlockOffer> Offers { get; init; }
    public IReadOnlyList<string>? Devices { get; init; }

    /// <summary>Memory for what its leases declare, in MiB, those it holds included; left out or 0: it states no bound.</summary>
    public int? MemoryMb { get; init; }
    public IReadOnlyList<LeaseStart>? Starts { get; init; }
    public IReadOnlyList<LeaseReport>? Reports { get; init; }
    public IReadOnlyList<LeaseProgress>? Progress { get; init; }
    public bool Draining { get; init; }
}

public sealed record SeenSeqs(long Work, long Report);

/// <summary>A lease in the worker's hands. <see cref="RanMs"/> is 0 while it has not started.</summary>
public sealed record RunningLease(long Lease, long RanMs, int RetriesUsed);

/// <summary>Asks to commit the start of an at_most_once step before it runs. Idempotent by lease.</summary>
public sealed record LeaseStart(long Lease);

public static class ReportKinds
{
    /// <summary>The step has ended with <see cref="LeaseReport.Result"/>.</summary>
    public const string Ended = "ended";

    /// <summary>The next attempt is wanted no sooner than <see cref="LeaseReport.RetryAfterMs"/> from now; the lease ends, the task is parked, uncounted.</summary>
    public const string RetryAt = "retry_at";

    /// <summary>Never started (prefetch grown stale, drain): back to the queue, uncounted.</summary>
    public const string HandedBack = "handed_back";
}

/// <summary>Ends a lease. Idempotent by lease: what is committed already is accepted again.</summary>
public sealed record LeaseReport
{
    public required long Lease { get; init; }

    /// <summary>One of <see cref="ReportKinds"/>.</summary>
    public required string Kind { get; init; }

    /// <summary>The step's result; with retry_at, that of the failed attempt.</summary>
    public StepResult? Result { get; init; }
    public long? RetryAfterMs { get; init; }

    /// <summary>Run time so far over all leases, milliseconds; parked time left out.</summary>
    public long RanMs { get; init; }
    public int RetriesUsed { get; init; }
}

/// <summary>What a running step tells: a JSON object, coalesced by the worker; <see cref="Type"/> is progress or retrying or started.</summary>
public sealed record LeaseProgress(long Lease, string Type, long At, RawJson Data);

public sealed record ExchangeResponse
{
    /// <summary>The seq this answers.</summary>
    public required long Seq { get; init; }
    public required IReadOnlyList<Lease> Leases { get; init; }

    /// <summary>Leases renewed by this call: each has a new term from the call's arrival.</summary>
    public required IReadOnlyList<long> Renewed { get; init; }

    /// <summary>Leases whose task was cancelled: stop them and report. Told again in every answer until reported.</summary>
    public required IReadOnlyList<long> Cancelled { get; init; }

    /// <summary>Leases among those listed or reported that are no longer this worker's: stop them, drop their reports.</summary>
    public required IReadOnlyList<long> Refused { get; init; }

    /// <summary>Reports committed, now or earlier: forget these leases.</summary>
    public required IReadOnlyList<long> Accepted { get; init; }

    /// <summary>Starts committed.</summary>
    public required IReadOnlyList<long> Started { get; init; }

    /// <summary>Milliseconds that the call was held. The worker's own deadline is first send + held + term − 2 s.</summary>
    public required long HeldMs { get; init; }
    public required long TermMs { get; init; }

    /// <summary>True when a newer call of the channel (or a newer incarnation) has ended this one: discard the answer.</summary>
    public bool Superseded { get; init; }
}

/// <summary>One task in one worker's hands for one term.</summary>
public sealed record Lease
{
    /// <summary>Unique and rising over the ledger's life; holds the writer's epoch. Below 2^53.</summary>
    public required long Number { get; init; }
    public required string TenantId { get; init; }
    public required string AssignmentId { get; init; }

    /// <summary>The exact bytes of the assignment.</summary>
    public required RawJson Assignment { get; init; }

    /// <summary>1 + leases that ended without a report or a hand-back.</summary>
    public required int Delivery { get; init; }
    public required int Replay { get; init; }
    public int RetriesUsed { get; init; }

    /// <summary>Run time used by earlier leases, milliseconds.</summary>
    public long RanMs { get; init; }

    /// <summary>What is left of the total run time, milliseconds.</summary>
    public required long RemainingMs { get; init; }

    /// <summary>Unix milliseconds after which it may no longer start; checked again by the worker at the start.</summary>
    public long? ExpiresAt { get; init; }

    /// <summary>True for at_most_once: commit a start before running.</summary>
    public bool StartRequired { get; init; }
    public IReadOnlyList<string>? Scopes { get; init; }
}
