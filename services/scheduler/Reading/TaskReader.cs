using Beamline.Contracts;
using Beamline.Contracts.DeadLetters;
using Beamline.Contracts.Errors;
using Beamline.Contracts.Events;
using Beamline.Contracts.Tasks;
using Beamline.Scheduler.Core;
using Beamline.Scheduler.Events;
using Beamline.Scheduler.Ledger;
using Microsoft.Extensions.Options;

namespace Beamline.Scheduler.Reading;

/// <summary>Answers questions about tasks from the ledger: what it does not hold (any more) is not found.</summary>
internal sealed class TaskReader(LedgerReader ledger, EventWaiters waiters, IOptions<DeadLetterOptions> letters, TimeProvider time)
{
    private const int DefaultLimit = 100;
    private const int MaxLimit = 500;
    private static readonly TimeSpan LongestHold = TimeSpan.FromSeconds(20);

    public async Task<GetTaskResponse> GetAsync(GetTaskRequest request, CancellationToken ct) =>
        new() { Task = await ledger.TaskAsync(new TaskKey(request.TenantId, request.AssignmentId), ct).ConfigureAwait(false) };

    public async Task<ListTasksResponse> ListAsync(ListTasksRequest request, CancellationToken ct)
    {
        TaskPhase? phase = null;
        if (request.State is { } state && (phase = PhaseOf(state)) is null)
        {
            return Refuse("state", $"There is no state '{Shorten(state)}'.");
        }

        if (!PageCursor.TryRead(request.Cursor, out var before))
        {
            return Refuse("cursor", "The cursor is not one that a list of tasks gave.");
        }

        var page = await ledger.TasksAsync(request.TenantId, phase, request.Type, before, LimitOf(request.Limit), ct).ConfigureAwait(false);
        return new ListTasksResponse { Tasks = [.. page.Rows.Select(row => row.View)], Cursor = page.More ? PageCursor.Of(page.Rows[^1].Id) : null };
    }

    public async Task<ListDeadLettersResponse> DeadLettersAsync(ListDeadLettersRequest request, CancellationToken ct)
    {
        if (!PageCursor.TryRead(request.Cursor, out var before))
        {
            return new ListDeadLettersResponse
            {
                DeadLetters = [],
                Error = WireError.Of(ErrorCode.InvalidInput, "The cursor is not one that a list of dead letters gave.", field: "cursor"),
            };
        }

        var page = await ledger.DeadLettersAsync(request.TenantId, letters.Value.IsOperator(request.TenantId), before, LimitOf(request.Limit), ct).ConfigureAwait(false);
        return new ListDeadLettersResponse
        {
            DeadLetters = [.. page.Rows.Select(row => row.Message)],
            Cursor = page.More ? PageCursor.Of(page.Rows[^1].Id) : null,
        };
    }

    public async Task<GetDeadLetterResponse> DeadLetterAsync(GetDeadLetterRequest request, CancellationToken ct) => new()
    {
        DeadLetter = RowNames.DeadLetterIdOf(request.DeadLetterId) is { } id ? await ledger.DeadLetterAsync(request.TenantId, letters.Value.IsOperator(request.TenantId), id, ct).ConfigureAwait(false) : null,
    };

    /// <summary>Held while the task is open and has no event after the number asked for.</summary>
    public async Task<TaskEventsResponse> EventsAsync(TaskEventsRequest request, CancellationToken ct)
    {
        var key = new TaskKey(request.TenantId, request.AssignmentId);
        if (await ledger.PlaceAsync(key, ct).ConfigureAwait(false) is not { } place)
        {
            return new TaskEventsResponse { Found = false, Events = [] };
        }

        // Armed before the read: an event committed in between is not slept through.
        using var waiter = request.HoldMs > 0 && !place.Phase.IsFinal() ? waiters.Arm(place.Id) : null;
        var answer = await ReadEventsAsync(key, request.AfterSequence, ct).ConfigureAwait(false);
        if (waiter is null || answer.Events.Count > 0 || answer.Ended)
        {
            return answer;
        }

        var hold = TimeSpan.FromMilliseconds(Math.Min(request.HoldMs, LongestHold.TotalMilliseconds));
        using var timer = CancellationTokenSource.CreateLinkedTokenSource(ct);
        await Task.WhenAny(waiter.Woken, Task.Delay(hold, time, timer.Token)).ConfigureAwait(false);
        await timer.CancelAsync().ConfigureAwait(false);
        ct.ThrowIfCancellationRequested();
        return await ReadEventsAsync(key, request.AfterSequence, ct).ConfigureAwait(false);
    }

    private async Task<TaskEventsResponse> ReadEventsAsync(TaskKey key, long afterSequence, CancellationToken ct)
    {
        // The place first: when it says that the task has ended, all its events were there before.
        if (await ledger.PlaceAsync(key, ct).ConfigureAwait(false) is not { } place)
        {
            return new TaskEventsResponse { Found = false, Events = [] };
        }

        var page = await ledger.EventsAsync(key, afterSequence, ct).ConfigureAwait(false);
        IReadOnlyList<TaskEvent> events = [.. page.Rows.Select(each => EventMessages.ToTaskEvent(each.Row, place.Assignment, each.Replay))];
        return new TaskEventsResponse { Found = true, Events = events, Ended = place.Phase.IsFinal() && !page.More };
    }

    private static TaskPhase? PhaseOf(string state)
    {
        foreach (var phase in Enum.GetValues<TaskPhase>())
        {
            if (phase.WireName() == state)
            {
                return phase;
            }
        }

        return null;
    }

    private static int LimitOf(int? limit) => Math.Clamp(limit ?? DefaultLimit, 1, MaxLimit);

    private static string Shorten(string text) => text.Length <= WireLimits.MaxTenantIdLength ? text : text[..WireLimits.MaxTenantIdLength];

    private static ListTasksResponse Refuse(string field, string message) =>
        new() { Tasks = [], Error = WireError.Of(ErrorCode.InvalidInput, message, field: field) };
}
