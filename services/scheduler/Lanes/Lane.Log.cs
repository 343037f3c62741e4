using Microsoft.Extensions.Logging;

namespace Beamline.Scheduler.Lanes;

internal static partial class LaneLog
{
    [LoggerMessage(Level = LogLevel.Warning, Message = "{Lane} did not take {Count} rows: {Reason}. They stay in the ledger, and it is probed again")]
    public static partial void SendingFailed(this ILogger logger, string lane, int count, string? reason);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Lane} takes rows again after {Failures} failures")]
    public static partial void SendingRecovered(this ILogger logger, string lane, int failures);

    [LoggerMessage(Level = LogLevel.Error, Message = "Row {RowId} of {AssignmentId} for {Lane} was put aside after {Failures} failures while others went through: {Reason}")]
    public static partial void RowParked(this ILogger logger, string lane, long rowId, string? assignmentId, int failures, string? reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "Row {RowId} of {AssignmentId} for {Lane} was left in the ledger until the next start, since too many are put aside: {Reason}")]
    public static partial void RowLeftInLedger(this ILogger logger, string lane, long rowId, string? assignmentId, string? reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Ledger did not take note of {Count} rows that have left; tried again")]
    public static partial void RowsNotFinished(this ILogger logger, int count, Exception failure);

    [LoggerMessage(Level = LogLevel.Error, Message = "Ledger did not give the rows for {Lane}; read again later")]
    public static partial void RowsNotRead(this ILogger logger, string lane, Exception failure);
}
