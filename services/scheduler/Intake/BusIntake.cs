using System.Text.Json;
using Beamline.Contracts;
using Beamline.Contracts.Admission;
using Beamline.Contracts.Assignments;
using Beamline.Contracts.Json;
using Beamline.Contracts.Tasks;
using Beamline.DaprAccess;
using Beamline.Scheduler.Engine;
using Beamline.Scheduler.Ledger;
using Beamline.Scheduler.Reading;
using Microsoft.Extensions.Logging;

namespace Beamline.Scheduler.Intake;

/// <summary>
/// Takes messages over from the bus. A message is acknowledged only when what became of it is committed: admitted, or rejected
/// for good (the rejecting ack then lies in the outbox). What could not be decided comes again after the lane's ackWait.
/// </summary>
internal sealed class BusIntake(
    Func<IReadOnlyList<AdmitItem>, string?, CancellationToken, Task<IReadOnlyList<AdmitOutcome>>> admit,
    Func<ExecCancel, CancellationToken, Task<CancelTaskResponse>> cancel,
    Func<TaskKey, CancellationToken, Task<bool>> isKnown,
    ILogger<BusIntake> logger)
{
    public async Task<TopicResponse> AssignAsync(TopicMessage message, CancellationToken ct)
    {
        var item = new AdmitItem { Assignment = new RawJson(message.Data), Source = AdmitSources.Bus };
        var outcome = (await admit([item], null, ct).ConfigureAwait(false))[0];
        switch (outcome.Status)
        {
            case AdmitStatuses.Accepted:
                return TopicResponse.Success;
            case AdmitStatuses.Rejected:
                logger.AssignmentRejected(outcome.AssignmentId, outcome.TenantId, outcome.Error?.Number ?? 0, outcome.Error?.Message);
                return TopicResponse.Success;
            default:
                logger.AssignmentRefused(outcome.AssignmentId, outcome.TenantId, outcome.Error?.Message);
                return TopicResponse.Retry;
        }
    }

    public async Task<TopicResponse> CancelAsync(TopicMessage message, CancellationToken ct)
    {
        if (Read(message, BeamlineJson.Default.ExecCancel) is not { } request || !IdsAreValid(request.TenantId, request.AssignmentId))
        {
            return TopicResponse.Success;
        }

        await cancel(request, ct).ConfigureAwait(false);
        return TopicResponse.Success;
    }

    /// <summary>No block of this build waits for a person, so no decision can be due: it is checked, and its want of a task is said.</summary>
    public async Task<TopicResponse> ApproveAsync(TopicMessage message, CancellationToken ct)
    {
        if (Read(message, BeamlineJson.Default.Approval) is not { } decision || !IdsAreValid(decision.TenantId, decision.AssignmentId))
        {
            return TopicResponse.Success;
        }

        if (await isKnown(new TaskKey(decision.TenantId, decision.AssignmentId), ct).ConfigureAwait(false))
        {
            logger.ApprovalNotAwaited(decision.AssignmentId, decision.TenantId, decision.Approver);
        }
        else
        {
            logger.ApprovalWithoutTask(decision.AssignmentId, decision.TenantId, decision.Approver);
        }

        return TopicResponse.Success;
    }

    private T? Read<T>(TopicMessage message, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type)
        where T : class
    {
        try
        {
            if (JsonSerializer.Deserialize(message.Data.Span, type) is { } read)
            {
                return read;
            }

            logger.MessageUnreadable(message.Topic, message.Data.Length, "it is null");
        }
        catch (JsonException fault)
        {
            // The same bytes would be as faulty next time: they are taken off the bus.
            logger.MessageUnreadable(message.Topic, message.Data.Length, fault.Message);
        }

        return null;
    }

    private bool IdsAreValid(string tenantId, string assignmentId)
    {
        var valid = tenantId is { Length: >= 1 and <= WireLimits.MaxTenantIdLength } && tenantId.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-')
            && assignmentId is { Length: >= 1 and <= WireLimits.MaxIdLength } && assignmentId.All(c => c is >= ' ' and <= '~');
        if (!valid)
        {
            logger.IdsInvalid();
        }

        return valid;
    }
}
