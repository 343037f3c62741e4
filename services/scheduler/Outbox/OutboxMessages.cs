using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using Beamline.Contracts;
using Beamline.Contracts.Assignments;
using Beamline.Contracts.DeadLetters;
using Beamline.Contracts.Json;
using Beamline.Contracts.Results;
using Beamline.Scheduler.Core;
using Beamline.Scheduler.Ledger;

namespace Beamline.Scheduler.Outbox;

/// <summary>Turns outbox rows into the contract's messages: the same row always makes the same bytes.</summary>
internal static class OutboxMessages
{
    /// <summary>Raw bytes and assignments in a dead letter are cut here; the ledger keeps them whole.</summary>
    public const int MaxDeadLetterPart = 256 * 1024;

    private const int SmallMessage = 512;

    /// <summary>Where a kind goes; events go to the topic of their tenant, which this stands for.</summary>
    public static string TopicOf(OutboxKind kind) => kind switch
    {
        OutboxKind.Ack => Topics.Ack,
        OutboxKind.Result => Topics.Result,
        OutboxKind.DeadLetter => Topics.DeadLetters,
        OutboxKind.Event => Topics.EventsOf("*"),
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "Not a kind of outbox row."),
    };

    /// <summary>About the message's size, without making it.</summary>
    public static int Estimate(OutboxRow row) => row switch
    {
        { Data: { } data } => data.Length,
        { Kind: OutboxKind.Result, Ending: { } ending } => ending.Result.Length,
        { Kind: OutboxKind.DeadLetter } => SmallMessage + (row.Task?.Bytes.Length ?? 0) + (row.Ending?.Result.Length ?? 0)
            + (Math.Min(row.DeadLetter?.Raw?.Length ?? 0, MaxDeadLetterPart) * 4 / 3),
        _ => SmallMessage,
    };

    public static ReadOnlyMemory<byte> Build(OutboxRow row) => row switch
    {
        { Data: { } data } => data.Utf8,
        { Kind: OutboxKind.Ack, Task: { } task } => Acks.Accepted(task, row.At, row.Number).Utf8,
        { Kind: OutboxKind.Result, Ending: { } ending } => ending.Result.Utf8,
        { Kind: OutboxKind.DeadLetter, DeadLetter: { } letter } => Write(Of(letter, row.Task, row.Ending?.Result)),
        _ => throw new InvalidOperationException($"Outbox row {row.Id} ({row.Kind}) has nothing to be made from."),
    };

    /// <summary>The contract's form of a dead letter.</summary>
    /// <param name="letter">The row.</param>
    /// <param name="task">What ended, where it could be parsed.</param>
    /// <param name="result">The task's ExecResult, where it has one.</param>
    /// <param name="maxPart">Raw bytes and assignments are cut here.</param>
    public static DeadLetter Of(DeadLetterRow letter, TaskInfo? task, RawJson? result, int maxPart = MaxDeadLetterPart)
    {
        var raw = letter.Raw;
        var assignment = task is null ? (RawJson?)null : Redaction.Redact(task.Bytes);
        var cut = raw?.Length > maxPart || assignment?.Length > maxPart;
        return new DeadLetter
        {
            Id = task is null
                ? "dlq:raw:" + Convert.ToHexStringLower(SHA256.HashData(raw ?? []))
                : string.Create(CultureInfo.InvariantCulture, $"dlq:{task.TenantId}:{task.AssignmentId}:{letter.Replay}"),
            DeadLetterId = RowNames.DeadLetter(letter.Id),
            Reason = letter.Reason,
            Assignment = assignment?.Length > maxPart ? null : assignment,
            AssignmentRawBase64 = raw is null ? null : Convert.ToBase64String(raw.AsSpan(0, Math.Min(raw.Length, maxPart))),
            Truncated = cut ? true : null,
            Result = result,
            Attempt = task?.Assignment.Attempt ?? JobDefaults.Attempt,
            Delivery = letter.Delivery,
            Replay = letter.Replay,
            DeadLetteredAt = letter.At,
        };
    }

    public static byte[] Write(DeadLetter letter) => JsonSerializer.SerializeToUtf8Bytes(letter, BeamlineJson.Default.DeadLetter);
}
