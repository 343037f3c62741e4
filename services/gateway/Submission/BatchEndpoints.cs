using Beamline.Contracts.Errors;
using Beamline.Contracts.Json;
using Beamline.Contracts.Tasks;
using Beamline.Gateway.Problems;
using Beamline.Gateway.Requests;
using Beamline.Gateway.Waiting;
using Microsoft.Extensions.Options;

namespace Beamline.Gateway.Submission;

/// <summary>POST /v1/tasks:batch: up to 1,000 assignments, an answer for each; with <c>?wait=</c> a stream of results as they end.</summary>
internal sealed class BatchEndpoints(
    BodyReader bodies, TaskPreparation preparation, AdmitBatcher batcher, ResultWaits waits, WaitClock clock, IOptions<GatewayOptions> options)
{
    public async Task SubmitAsync(HttpContext context)
    {
        if (!SubmitRequest.TryRead(context.Request, options.Value, out var request, out var fault))
        {
            await ProblemAnswers.WriteAsync(context, fault!);
            return;
        }

        using var body = await bodies.ReadAsync(context.Request, options.Value.MaxBatchBodyBytes, context.RequestAborted);
        if (body.Fault is { } unread)
        {
            await ProblemAnswers.WriteAsync(context, unread);
            return;
        }

        if (!BatchSplitter.TrySplit(body.Bytes, options.Value.MaxBatchTasks, out var tasks, out fault))
        {
            await ProblemAnswers.WriteAsync(context, fault!);
            return;
        }

        var batch = Prepare(tasks, request.Submitted);
        await (request.Wait is { } wait ? AnswerWithResultsAsync(context, batch, wait) : AnswerAsync(context, batch));
    }

    private Batch Prepare(List<ReadOnlyMemory<byte>> tasks, Submitted submitted)
    {
        var batch = new Batch(tasks.Count);
        for (var i = 0; i < tasks.Count; i++)
        {
            var own = submitted.Key is { } key ? submitted with { Key = key with { Index = i } } : submitted;
            if (preparation.TryPrepare(tasks[i], own, out var task, out var fault))
            {
                batch.Add(i, task!);
            }
            else
            {
                batch.Items[i] = new BatchItem { Index = i, Status = fault!.Status, Error = WireError.Of(fault.Faults) };
            }
        }

        return batch;
    }

    private async Task AnswerAsync(HttpContext context, Batch batch)
    {
        batch.Take(await batcher.AdmitAsync(batch.Tasks, wait: false, context.RequestAborted));
        var answer = new BatchAnswer { Items = batch.Items! };
        await context.Response.WriteAsJsonAsync(answer, GatewayJson.Default.BatchAnswer, cancellationToken: context.RequestAborted);
    }

    private async Task AnswerWithResultsAsync(HttpContext context, Batch batch, TimeSpan time)
    {
        var ct = context.RequestAborted;
        var keys = batch.Tasks.Select(task => task.Key).ToArray();
        if (!waits.TryBegin(keys, out var wait))
        {
            await ProblemAnswers.WriteAsync(context, Faults.Overloaded("Too many clients wait for results.", options.Value.RetryAfter));
            return;
        }

        using (wait)
        {
            using var end = clock.Begin(time, ct);
            var answers = await batcher.AdmitAsync(batch.Tasks, wait: true, ct);
            batch.Take(answers);
            for (var i = 0; i < answers.Count; i++)
            {
                if (answers[i].ByBus)
                {
                    waits.MarkUnsure(keys[i]);
                }
            }

            using var stream = new ResultStream(context, batch);
            await stream.WriteAsync(wait, end.Token);
        }
    }
}

/// <summary>The tasks of one batch, and what is known of each.</summary>
internal sealed class Batch(int size)
{
    private readonly List<int> _places = new(size);

    /// <summary>An item for each place of the request.</summary>
    public BatchItem?[] Items { get; } = new BatchItem?[size];

    /// <summary>The valid ones, in order.</summary>
    public List<PreparedTask> Tasks { get; } = new(size);

    public void Add(int place, PreparedTask task)
    {
        _places.Add(place);
        Tasks.Add(task);
    }

    /// <summary>The place in the request of a valid task.</summary>
    public int PlaceOf(int task) => _places[task];

    public void Take(IReadOnlyList<AdmitAnswer> answers)
    {
        for (var i = 0; i < answers.Count; i++)
        {
            Items[_places[i]] = ItemOf(_places[i], Tasks[i], answers[i]);
        }
    }

    private static BatchItem ItemOf(int place, PreparedTask task, AdmitAnswer answer)
    {
        var outcome = answer.Outcome;
        var item = new BatchItem
        {
            Index = place,
            Status = StatusCodes.Status202Accepted,
            AssignmentId = task.Key.AssignmentId,
            RequestId = outcome.RequestId ?? task.RequestId,
            TenantId = task.Key.TenantId,
        };
        return answer switch
        {
            { IsAccepted: false } => item with { Status = ProblemAnswers.StatusOf(answer.Error, outcome.Conflict), Error = answer.Error },
            { Outcome.Result: { } result } => item with { Status = StatusCodes.Status200OK, State = outcome.State, Result = result },
            _ => item with { State = outcome.State ?? TaskStates.Queued },
        };
    }
}
