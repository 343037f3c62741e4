using System.Text.Json;
using Beamline.Contracts;
using Beamline.Contracts.Admission;
using Beamline.Contracts.Approvals;
using Beamline.Contracts.Assignments;
using Beamline.Contracts.Json;
using Beamline.Contracts.Tasks;
using Beamline.DaprAccess;
using Beamline.Scheduler.Core;
using Microsoft.Extensions.Logging;

namespace Beamline.Scheduler.Intake;

/// <summary>
/// Takes messages over from the bus. A message is acknowledged only when what became of it is committed: admitted, or rejected
/// for good (the rejecting ack then lies in the outbox). What could not be decided comes again after the lane's ackWait.
/// </summary>
internal sealed class BusIntake(
    Func<IReadOnlyList<AdmitItem>, string?, CancellationToken, Task<IReadOnlyList<AdmitOutcome>>> admit,
    Func<ExecCancel, CancellationToken, Task<CancelTaskResponse>> cancel,
    Func<Approval, CancellationToken, Task<DecideApprovalResponse>> approve,
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

    /// <summary>
    /// Takes a decision over. One that does not count is taken off the bus and logged: it would count no more the next time.
    /// It cannot be ahead of its question, which is on the ledger before anybody is asked; one for what the ledger does not
    /// know is too late, or names it wrongly. A redelivery finds the decision taken, and changes nothing.
    /// </summary>
    public async Task<TopicResponse> ApproveAsync(TopicMessage message, CancellationToken ct)
    {
        var reading = ApprovalReader.Read(message.Data);
        if (reading.Approval is not { } decision)
        {
            logger.MessageUnreadable(message.Topic, message.Data.Length, string.Join(' ', reading.Faults.Select(fault => $"{fault.Field}: {fault.Message}")));
            return TopicResponse.Success;
        }

        var answer = await approve(decision, ct).ConfigureAwait(false);
        switch (answer)
        {
            case { Found: false }:
                logger.ApprovalWithoutTask(decision.AssignmentId, decision.TenantId, decision.Approver);
                break;
            case { Error: { Retryable: true } error }:
                logger.ApprovalDelayed(decision.AssignmentId, decision.TenantId, decision.Approver, error.Message);
                return TopicResponse.Retry;
            case { Error: { } error }:
                logger.ApprovalNotTaken(decision.AssignmentId, decision.TenantId, decision.Approver, error.Number, error.Message);
                break;
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
        var valid = TaskIds.CanBe(tenantId, assignmentId);
        if (!valid)
        {
            logger.IdsInvalid();
        }

        return valid;
    }
}
