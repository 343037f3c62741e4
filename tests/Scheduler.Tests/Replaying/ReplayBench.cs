using System.Text;
using Beamline.Contracts;
using Beamline.Contracts.DeadLetters;
using Beamline.Contracts.Json;
using Beamline.Contracts.Results;
using Beamline.Contracts.Tasks;
using Beamline.Scheduler.Ledger;
using Beamline.Scheduler.Tests.Engine;
using Microsoft.Extensions.DependencyInjection;

namespace Beamline.Scheduler.Tests.Replaying;

/// <summary>The methods of dead letters over a whole scheduler.</summary>
internal static class ReplayBench
{
    private static readonly BeamlineJson Json = BeamlineJson.Default;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    /// <summary>A scheduler that saves its cursor often, so that what is to be purged may be.</summary>
    public static Task<SchedulerFixture> StartAsync(params (string Key, string Value)[] settings) => SchedulerFixture.StartAsync(settings: [("Events:SaveCursorEvery", "00:00:00.010"), .. settings]);

    /// <summary>Submits tasks that fail for good, and waits until they may be replayed.</summary>
    public static async Task FailAsync(this SchedulerFixture scheduler, params string[] ids)
    {
        await scheduler.AdmitAsync(null, [.. ids.Select(id => EngineHarness.Item(id))]);
        await scheduler.FailQueuedAsync(ids.Length);
    }

    public static async Task FailQueuedAsync(this SchedulerFixture scheduler, int tasks)
    {
        for (var done = 0; done < tasks;)
        {
            var leases = (await scheduler.Worker.WorkAsync(tasks)).Leases;
            await scheduler.Worker.ReportAsync(0, [.. leases.Select(lease => EngineWorker.Ok(lease) is var ok ? ok with { Result = Failure(ok.Result!.Metadata) } : ok)]);
            done += leases.Count;
        }
    }

    public static async Task<string> DeadLetterOfAsync(this SchedulerFixture scheduler, string id)
    {
        foreach (var letter in await scheduler.ListAsync())
        {
            using var read = letter.Parse();
            if (read.RootElement.TryGetProperty("assignment", out var assignment) && assignment.GetProperty("assignment_id").GetString() == id)
            {
                return read.RootElement.GetProperty("dead_letter_id").GetString()!;
            }
        }

        throw new InvalidOperationException($"There is no dead letter of {id}.");
    }

    public static async Task<IReadOnlyList<RawJson>> ListAsync(this SchedulerFixture scheduler, string tenant = "t") => (await scheduler.CallAsync(
        SchedulerMethods.ListDeadLetters, new ListDeadLettersRequest { TenantId = tenant, Limit = 500 }, Json.ListDeadLettersRequest, Json.ListDeadLettersResponse)).DeadLetters;

    public static async Task<DeadLetter?> InspectAsync(this SchedulerFixture scheduler, string letter, string tenant = "t")
    {
        var answer = await scheduler.CallAsync(SchedulerMethods.GetDeadLetter, new GetDeadLetterRequest(tenant, letter), Json.GetDeadLetterRequest, Json.GetDeadLetterResponse);
        return answer.DeadLetter is { } json ? System.Text.Json.JsonSerializer.Deserialize(json.Utf8.Span, Json.DeadLetter) : null;
    }

    public static Task<ReplayDeadLettersResponse> ReplayAsync(this SchedulerFixture scheduler, ReplayDeadLettersRequest request) =>
        scheduler.CallAsync(SchedulerMethods.ReplayDeadLetters, request, Json.ReplayDeadLettersRequest, Json.ReplayDeadLettersResponse);

    public static Task<ReplayDeadLettersResponse> ReplayAsync(this SchedulerFixture scheduler, params string[] letters) => scheduler.ReplayAsync(Ask(letters));

    public static ReplayDeadLettersRequest Ask(params string[] letters) => new()
    {
        TenantId = "t", Filter = new ReplayFilter { Ids = letters.Length == 0 ? null : letters }, RequestedBy = "ann", Comment = "mended", Rate = 100,
    };

    public static async Task<ReplayProgress> ProgressAsync(this SchedulerFixture scheduler, string replay) => (await scheduler.CallAsync(
        SchedulerMethods.GetReplay, new GetReplayRequest("t", replay), Json.GetReplayRequest, Json.GetReplayResponse)).Replay!;

    /// <summary>None of the replay's dead letters waits any longer.</summary>
    public static Task ThroughAsync(this SchedulerFixture scheduler, string replay) => UntilAsync(async () => (await scheduler.ProgressAsync(replay)).Waiting == 0);

    public static async Task<TaskView> TaskAsync(this SchedulerFixture scheduler, string id) => (await scheduler.CallAsync(
        SchedulerMethods.GetTask, new GetTaskRequest("t", id), Json.GetTaskRequest, Json.GetTaskResponse)).Task!;

    public static Task<string> PoisonAsync(this SchedulerFixture scheduler, string text) => scheduler.DeliverAsync("/bus/assign/01", Encoding.UTF8.GetBytes(text));

    public static Task<long> CountAsync(this SchedulerFixture scheduler, string sql) =>
        scheduler.Services.GetRequiredService<LedgerStore>().Reader.ReadAsync(connection => LedgerSchema.Scalar(connection, sql), Token);

    /// <summary>Each look is a call, which paces the loop.</summary>
    public static async Task UntilAsync(Func<Task<bool>> condition)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(Token);
        limit.CancelAfter(TimeSpan.FromSeconds(60));
        while (!await condition())
        {
            limit.Token.ThrowIfCancellationRequested();
            await Task.Yield();
        }
    }

    private static StepResult Failure(StepMetadata metadata) => new()
    {
        Status = StepStatus.Error, ErrorCode = Contracts.Errors.ErrorCode.ExecutionFailed, ErrorMessage = "no", Metadata = metadata,
    };
}
