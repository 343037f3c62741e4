using Beamline.Contracts.Errors;
using Microsoft.Extensions.Logging;

namespace Beamline.ExecutorHost.Running;

internal static partial class StepRunnerLog
{
    [LoggerMessage(Level = LogLevel.Error, Message = "Block {BlockType} threw on {AssignmentId} of {TenantId}")]
    public static partial void BlockThrew(this ILogger logger, Exception exception, string blockType, string assignmentId, string tenantId);

    [LoggerMessage(Level = LogLevel.Information, Message = "Step {AssignmentId} of {TenantId} stopped, cause {Cause}, after {RanMs} ms")]
    public static partial void Stopped(this ILogger logger, string assignmentId, string tenantId, string cause, long ranMs);

    [LoggerMessage(Level = LogLevel.Debug, Message = "Step {AssignmentId} of {TenantId} failed with {Code}, retry {Retry} in {DelayMs} ms")]
    public static partial void Retried(this ILogger logger, string assignmentId, string tenantId, ErrorCode code, int retry, long delayMs);

    [LoggerMessage(Level = LogLevel.Error, Message = "Block {BlockType} ignored its cancellation ({Cause}) on {AssignmentId} of {TenantId}: its slot was given up")]
    public static partial void BlockStuck(this ILogger logger, string blockType, string cause, string assignmentId, string tenantId);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Block {BlockType} came back from being stuck on {AssignmentId} of {TenantId}: its slot is used again")]
    public static partial void BlockCameBack(this ILogger logger, string blockType, string assignmentId, string tenantId);

    [LoggerMessage(Level = LogLevel.Error, Message = "Block {BlockType} failed while it was being cancelled on {AssignmentId} of {TenantId}")]
    public static partial void CancellationFailed(this ILogger logger, Exception? exception, string blockType, string assignmentId, string tenantId);

    [LoggerMessage(Level = LogLevel.Error, Message = "Block {BlockType} gave an invalid result on {AssignmentId} of {TenantId}: {Problems}")]
    public static partial void InvalidResult(this ILogger logger, string blockType, string assignmentId, string tenantId, string problems);
}
