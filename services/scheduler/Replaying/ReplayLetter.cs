using Beamline.Contracts.Assignments;
using Beamline.Contracts.DeadLetters;
using Beamline.Contracts.Json;
using Beamline.Scheduler.Core;
using Beamline.Scheduler.Ledger;
using Microsoft.Data.Sqlite;

namespace Beamline.Scheduler.Replaying;

/// <summary>A dead letter as far as it decides whether it may be replayed.</summary>
internal sealed record ReplayLetter
{
    /// <summary>The columns of <see cref="Read"/>, of tables d (dead_letters), t (tasks) and a (assignments).</summary>
    public const string Columns = """
        d.id, d.replay_state, d.replay_id, d.replay, a.body, t.alias_of,
        (SELECT f.id FROM dead_letters f WHERE f.task_id = t.alias_of),
        EXISTS (SELECT 1 FROM tasks s WHERE s.tenant_id = t.tenant_id AND s.assignment_id = t.assignment_id
            AND (s.start_committed = 1 OR s.started_at IS NOT NULL))
        """;

    public required long Id { get; init; }
    public required bool IsTaken { get; init; }
    public long? ReplayId { get; init; }
    public required int Replay { get; init; }

    /// <summary>False for what could not be parsed: there was never a task.</summary>
    public required bool HasTask { get; init; }
    public bool IsAlias { get; init; }

    /// <summary>With an alias: the dead letter of the step itself.</summary>
    public long? LetterOfStep { get; init; }
    public long? ExpiresAt { get; init; }

    /// <summary>It must not start twice, and it has started, in this run or an earlier one.</summary>
    public bool WouldRepeat { get; init; }
    public required int Bytes { get; init; }

    public static ReplayLetter Read(SqliteDataReader row)
    {
        var bytes = row.BytesOrNull(4);
        var assignment = bytes is null ? null : AssignmentReader.ReadTrusted(new RawJson(bytes));
        return new ReplayLetter
        {
            Id = row.GetInt64(0),
            IsTaken = row.GetInt32(1) is 1 or 2,
            ReplayId = row.NumberOrNull(2),
            Replay = row.GetInt32(3),
            HasTask = assignment is not null,
            IsAlias = row.NumberOrNull(5) is not null,
            LetterOfStep = row.NumberOrNull(6),
            ExpiresAt = assignment?.ExpiresAt,
            WouldRepeat = assignment is not null && row.GetBoolean(7) && JobDefaults.For(assignment).AtMostOnce,
            Bytes = bytes?.Length ?? 0,
        };
    }

    /// <summary>Why it may not be replayed, and what to do about it; null when it may.</summary>
    public ReplayRefusal? Refuse(ReplayDeadLettersRequest request, long now, int maxReplays) => this switch
    {
        { IsTaken: true } => Of(ReplayRefusals.AlreadyReplayed, "It has been replayed, or waits for its turn. When the replay fails too, replay its own dead letter.") with
        {
            ReplayId = ReplayId is { } taken ? RowNames.Replay(taken) : null,
        },
        { HasTask: false } => Of(ReplayRefusals.Unparsable, "It could not be parsed, so there is nothing to run. Mend its bytes (assignment_raw_base64) and submit them."),
        { IsAlias: true } => Of(ReplayRefusals.Alias, LetterOfStep is { } step
            ? $"It is the same step under another id. Replay {RowNames.DeadLetter(step)}: this id is told of its end too."
            : "It is the same step under another id, whose own dead letter is no longer kept. Submit it anew."),
        { ExpiresAt: { } expires } when expires <= now => Of(ReplayRefusals.Expired, $"Its expires_at ({expires}) has passed. Submit it anew with a later one."),
        _ when Replay >= maxReplays => Of(ReplayRefusals.TooManyReplays, $"It has been replayed {Replay} times already. Submit it anew under another assignment_id."),
        { WouldRepeat: true } when !request.AllowRepeat => Of(ReplayRefusals.MayRepeat, "The step is at_most_once and has started before, so it may have taken effect. Say \"allow_repeat\": true to run it again all the same."),
        _ => null,
    };

    public static ReplayRefusal Unknown(string name) => new()
    {
        DeadLetterId = name,
        Reason = ReplayRefusals.Unknown,
        Message = "There is no such dead letter that fits the filter.",
    };

    private ReplayRefusal Of(string reason, string message) => new() { DeadLetterId = RowNames.DeadLetter(Id), Reason = reason, Message = message };
}
