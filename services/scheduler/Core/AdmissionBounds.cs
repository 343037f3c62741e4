using Beamline.Contracts.Errors;
using Beamline.Contracts.Results;
using Beamline.Scheduler.Core.Tenants;

namespace Beamline.Scheduler.Core;

/// <summary>
/// What may still be taken: the scheduler's own bounds (4002) and the tenant's quotas (2004), each with the time after which it is
/// worth trying again. The last fifth of the scheduler's room is for tenants that hold less than an equal part of all, so that
/// no flood can fill it for everybody.
/// </summary>
internal sealed class AdmissionBounds(SchedulingOptions options, TaskTable table, PaceMeter pace, TaskExplainer explainer)
{
    private const double Common = 0.8;

    public bool OutboxIsFull => table.OutboxRows >= options.MaxOutboxRows;

    /// <summary>Null: there is room, and the tenant's rate has been charged.</summary>
    public AdmitDecision? Refuse(long now, TaskInfo draft, TenantState tenant, int activeTenants)
    {
        if (OutboxIsFull)
        {
            return new AdmitDecision(AdmitVerdict.OutboxFull) { RetryAfterMs = pace.RetryAfterMs(now, options.MaxOutboxRows) };
        }

        if (Overloaded(draft, tenant, activeTenants) is { } overload)
        {
            return new AdmitDecision(AdmitVerdict.Overload) { Why = overload, RetryAfterMs = pace.RetryAfterMs(now, options.MaxOpenTasks) };
        }

        if (OverQuota(now, draft, tenant) is { } quota)
        {
            return quota;
        }

        if (TooLate(now, draft, tenant) is { } late)
        {
            return late;
        }

        tenant.Admissions.Take(now);
        return null;
    }

    /// <summary>
    /// What cannot start before it expires is refused now and not timed out later. Only by what is measured, and only when twice as
    /// fast would not do either: an estimate must not turn away what might well have run.
    /// </summary>
    private AdmitDecision? TooLate(long now, TaskInfo draft, TenantState tenant)
    {
        if (draft.ExpiresAt == long.MaxValue || draft.Pool.Length == 0 || explainer.EstimateMs(now, draft, tenant) is not { } wait)
        {
            return null;
        }

        return Math.Max(now, draft.NotBefore) + (wait / 2) <= draft.ExpiresAt
            ? null
            : new AdmitDecision(AdmitVerdict.Overload)
            {
                Why = $"It cannot start before expires_at: the tenant's tasks before it need about {wait} ms more at the present pace.",
                RetryAfterMs = Math.Clamp(wait / 2, 250, 60_000),
                Limit = Outcomes.Reasons.Expired,
            };
    }

    private string? Overloaded(TaskInfo draft, TenantState tenant, int activeTenants)
    {
        if (table.Count >= options.MaxOpenTasks)
        {
            return $"The scheduler holds {table.Count} open tasks, as many as it may.";
        }

        var bytes = table.Bytes + draft.Bytes.Length;
        if (bytes > options.MaxOpenBytes)
        {
            return $"The scheduler holds {table.Bytes} bytes of open tasks, as many as it may.";
        }

        var tenants = Math.Max(1, activeTenants + (tenant.Open == 0 ? 1 : 0));
        var crowded = table.Count >= Common * options.MaxOpenTasks || bytes > Common * options.MaxOpenBytes;
        var aboveItsPart = tenant.Open >= Math.Max(1, options.MaxOpenTasks / tenants) || tenant.OpenBytes + draft.Bytes.Length > options.MaxOpenBytes / tenants;
        return crowded && tenants > 1 && tenant.Open > 0 && aboveItsPart
            ? $"The scheduler is nearly full, and the tenant holds more than its part of it ({tenant.Open} open tasks)."
            : null;
    }

    private AdmitDecision? OverQuota(long now, TaskInfo draft, TenantState tenant)
    {
        var policy = tenant.Policy;
        if (draft.MemoryMb > policy.MaxMemoryMb)
        {
            return Quota(QuotaLimits.Memory, $"resources.memory_mb is {draft.MemoryMb}; all tasks of the tenant together may declare {policy.MaxMemoryMb}.", null);
        }

        if (draft.Bytes.Length > policy.MaxPayloadBytes)
        {
            return Quota(QuotaLimits.PayloadBytes, $"The assignment takes {draft.Bytes.Length} bytes; all open tasks of the tenant together may take {policy.MaxPayloadBytes}.", null);
        }

        if (tenant.Waiting >= policy.MaxQueued)
        {
            return Quota(QuotaLimits.Queued, $"The tenant has {tenant.Waiting} tasks waiting; it may have {policy.MaxQueued}.", pace.RetryAfterMs(now, policy.MaxQueued));
        }

        if (tenant.OpenBytes + draft.Bytes.Length > policy.MaxPayloadBytes)
        {
            return Quota(QuotaLimits.PayloadBytes, $"The tenant's open tasks hold {tenant.OpenBytes} bytes; it may hold {policy.MaxPayloadBytes}.", pace.RetryAfterMs(now, tenant.Open));
        }

        return tenant.Admissions.WaitMs(now) is > 0 and var wait
            ? Quota(QuotaLimits.Rate, $"The tenant submits faster than the {policy.Admissions!.PerSecond} a second that it may.", wait)
            : null;
    }

    private static AdmitDecision Quota(string limit, string why, long? retryAfterMs) =>
        new(AdmitVerdict.Quota) { Limit = limit, Why = why, RetryAfterMs = retryAfterMs };
}
