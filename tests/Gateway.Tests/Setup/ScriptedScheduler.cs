using System.Collections.Concurrent;
using System.IO.Pipelines;
using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using System.Threading.Channels;
using Beamline.Contracts;
using Beamline.Contracts.Admission;
using Beamline.Contracts.Approvals;
using Beamline.Contracts.Assignments;
using Beamline.Contracts.DeadLetters;
using Beamline.Contracts.Json;
using Beamline.Contracts.Tasks;

namespace Beamline.Gateway.Tests.Setup;

/// <summary>
/// The gateway's sidecar with a scheduler behind it that does as a test says. By default it takes every assignment, knows no task and
/// ends none. What a test sets to throw <see cref="HttpRequestException"/> does not answer.
/// </summary>
internal sealed class ScriptedScheduler : HttpMessageHandler
{
    private const string NoHost = """{"errorCode":"ERR_DIRECT_INVOKE","message":"failed to invoke, id: scheduler, err: no host found"}""";
    private readonly Channel<WatchStream> _watches = Channel.CreateBounded<WatchStream>(100);

    public ConcurrentQueue<AdmitRequest> Admissions { get; } = new();

    public ConcurrentQueue<WaitTasksRequest> Questions { get; } = new();

    public ConcurrentQueue<(string Topic, string Json)> Published { get; } = new();

    public ConcurrentQueue<ExecCancel> Cancels { get; } = new();

    public ConcurrentQueue<Approval> Decisions { get; } = new();

    public ConcurrentQueue<ReplayDeadLettersRequest> Replays { get; } = new();

    public ConcurrentQueue<TaskEventsRequest> EventQuestions { get; } = new();

    public bool IsAway { get; set; }

    public bool IsBusAway { get; set; }

    public Func<AdmitRequest, CancellationToken, Task<AdmitResponse>> OnAdmit { get; set; } = (request, _) => Task.FromResult(AcceptAll(request));

    public Func<GetTaskRequest, TaskView?> OnGet { get; set; } = _ => null;

    public Func<ExplainTaskRequest, TaskExplanation?> OnExplain { get; set; } = _ => null;

    public Func<ListTasksRequest, ListTasksResponse> OnList { get; set; } = _ => new ListTasksResponse { Tasks = [] };

    public Func<WaitTasksRequest, WaitTasksResponse> OnWait { get; set; } = _ => new WaitTasksResponse { Ended = [], Unknown = [] };

    public Func<ExecCancel, CancelTaskResponse> OnCancel { get; set; } = _ => new CancelTaskResponse();

    public Func<Approval, DecideApprovalResponse> OnDecide { get; set; } = _ => new DecideApprovalResponse();

    public Func<ListApprovalsRequest, ListApprovalsResponse> OnListApprovals { get; set; } = _ => new ListApprovalsResponse { Approvals = [] };

    public Func<ListDeadLettersRequest, ListDeadLettersResponse> OnDeadLetters { get; set; } = _ => new ListDeadLettersResponse { DeadLetters = [] };

    public Func<GetDeadLetterRequest, GetDeadLetterResponse> OnDeadLetter { get; set; } = _ => new GetDeadLetterResponse();

    public Func<ReplayDeadLettersRequest, ReplayDeadLettersResponse> OnReplay { get; set; } = _ => new ReplayDeadLettersResponse();

    public Func<GetReplayRequest, GetReplayResponse> OnReplayProgress { get; set; } = _ => new GetReplayResponse();

    public Func<TaskEventsRequest, Task<TaskEventsResponse>> OnEvents { get; set; } = _ => Task.FromResult(new TaskEventsResponse { Events = [] });

    /// <summary>The assignments of all admissions, as text.</summary>
    public IReadOnlyList<string> Admitted => [.. Admissions.SelectMany(request => request.Items).Select(item => item.Assignment.ToString())];

    /// <summary>The next stream that the gateway opened, its first line not yet sent.</summary>
    public async Task<WatchStream> WatchAsync() => await _watches.Reader.ReadAsync(TestContext.Current.CancellationToken);

    public static AdmitResponse AcceptAll(AdmitRequest request) => new() { Items = [.. request.Items.Select(item => Accept(item))] };

    public static AdmitOutcome Accept(AdmitItem item)
    {
        var reading = AssignmentReader.Read(item.Assignment.Utf8);
        return new AdmitOutcome
        {
            Status = AdmitStatuses.Accepted, State = TaskStates.Queued,
            AssignmentId = reading.AssignmentId, RequestId = reading.RequestId, TenantId = reading.TenantId,
        };
    }

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var path = request.RequestUri!.AbsolutePath;
        var body = request.Content is null ? [] : await request.Content.ReadAsByteArrayAsync(cancellationToken);
        if (path.Contains("/publish/bulk/", StringComparison.Ordinal))
        {
            return Publish(path[(path.LastIndexOf('/') + 1)..], body);
        }

        if (IsAway)
        {
            return Text(HttpStatusCode.InternalServerError, NoHost);
        }

        // Called as the sidecar, or as the app behind one.
        var method = path.IndexOf("/method/", StringComparison.Ordinal) is >= 0 and var at ? path[(at + "/method/".Length)..] : path.TrimStart('/');
        return method switch
        {
            _ when request.Method == HttpMethod.Get => new HttpResponseMessage(HttpStatusCode.NotFound),
            SchedulerMethods.Admit => await AdmitAsync(body, cancellationToken),
            SchedulerMethods.GetTask => Answer(new GetTaskResponse { Task = OnGet(Read(body, BeamlineJson.Default.GetTaskRequest)) }, BeamlineJson.Default.GetTaskResponse),
            SchedulerMethods.ExplainTask => Answer(new ExplainTaskResponse { Explanation = OnExplain(Read(body, BeamlineJson.Default.ExplainTaskRequest)) }, BeamlineJson.Default.ExplainTaskResponse),
            SchedulerMethods.ListTasks => Answer(OnList(Read(body, BeamlineJson.Default.ListTasksRequest)), BeamlineJson.Default.ListTasksResponse),
            SchedulerMethods.WaitTasks => Wait(Read(body, BeamlineJson.Default.WaitTasksRequest)),
            SchedulerMethods.CancelTask => Cancel(Read(body, BeamlineJson.Default.ExecCancel)),
            SchedulerMethods.DecideApproval => Decide(Read(body, BeamlineJson.Default.Approval)),
            SchedulerMethods.ListApprovals => Answer(OnListApprovals(Read(body, BeamlineJson.Default.ListApprovalsRequest)), BeamlineJson.Default.ListApprovalsResponse),
            SchedulerMethods.ListDeadLetters => Answer(OnDeadLetters(Read(body, BeamlineJson.Default.ListDeadLettersRequest)), BeamlineJson.Default.ListDeadLettersResponse),
            SchedulerMethods.GetDeadLetter => Answer(OnDeadLetter(Read(body, BeamlineJson.Default.GetDeadLetterRequest)), BeamlineJson.Default.GetDeadLetterResponse),
            SchedulerMethods.ReplayDeadLetters => Replay(Read(body, BeamlineJson.Default.ReplayDeadLettersRequest)),
            SchedulerMethods.GetReplay => Answer(OnReplayProgress(Read(body, BeamlineJson.Default.GetReplayRequest)), BeamlineJson.Default.GetReplayResponse),
            SchedulerMethods.TaskEvents => await EventsAsync(Read(body, BeamlineJson.Default.TaskEventsRequest)).WaitAsync(cancellationToken),
            SchedulerMethods.WatchTasks => Watch(),
            var unknown => throw new InvalidOperationException($"The gateway called '{unknown}'."),
        };
    }

    private async Task<HttpResponseMessage> AdmitAsync(byte[] body, CancellationToken ct)
    {
        var request = Read(body, BeamlineJson.Default.AdmitRequest);
        Admissions.Enqueue(request);
        return Answer(await OnAdmit(request, ct), BeamlineJson.Default.AdmitResponse);
    }

    private HttpResponseMessage Wait(WaitTasksRequest request)
    {
        Questions.Enqueue(request);
        return Answer(OnWait(request), BeamlineJson.Default.WaitTasksResponse);
    }

    private HttpResponseMessage Cancel(ExecCancel cancel)
    {
        Cancels.Enqueue(cancel);
        return Answer(OnCancel(cancel), BeamlineJson.Default.CancelTaskResponse);
    }

    private HttpResponseMessage Decide(Approval decision)
    {
        Decisions.Enqueue(decision);
        return Answer(OnDecide(decision), BeamlineJson.Default.DecideApprovalResponse);
    }

    private HttpResponseMessage Replay(ReplayDeadLettersRequest request)
    {
        Replays.Enqueue(request);
        return Answer(OnReplay(request), BeamlineJson.Default.ReplayDeadLettersResponse);
    }

    private async Task<HttpResponseMessage> EventsAsync(TaskEventsRequest request)
    {
        EventQuestions.Enqueue(request);
        return Answer(await OnEvents(request), BeamlineJson.Default.TaskEventsResponse);
    }

    private HttpResponseMessage Watch()
    {
        var stream = new WatchStream();
        _watches.Writer.TryWrite(stream);
        return new HttpResponseMessage(HttpStatusCode.OK) { Content = new StreamContent(stream.Reader) };
    }

    private HttpResponseMessage Publish(string topic, byte[] body)
    {
        if (IsBusAway)
        {
            return Text(HttpStatusCode.InternalServerError, """{"errorCode":"ERR_PUBSUB_PUBLISH_MESSAGE","message":"nats: connection closed"}""");
        }

        using var entries = JsonDocument.Parse(body);
        foreach (var entry in entries.RootElement.EnumerateArray())
        {
            Published.Enqueue((topic, System.Text.Encoding.UTF8.GetString(entry.GetProperty("event").GetBytesFromBase64())));
        }

        return new HttpResponseMessage(HttpStatusCode.NoContent);
    }

    private static T Read<T>(byte[] body, JsonTypeInfo<T> type) => JsonSerializer.Deserialize(body, type)!;

    private static HttpResponseMessage Answer<T>(T value, JsonTypeInfo<T> type) => Text(HttpStatusCode.OK, JsonSerializer.Serialize(value, type));

    private static HttpResponseMessage Text(HttpStatusCode status, string json) =>
        new(status) { Content = new StringContent(json, System.Text.Encoding.UTF8, "application/json") };
}

/// <summary>A stream of results that the gateway has opened.</summary>
internal sealed class WatchStream
{
    private readonly Pipe _pipe = new();

    public Stream Reader => _pipe.Reader.AsStream();

    public Task OpenAsync() => SendAsync(new WatchLine { Opened = true });

    public Task EndAsync(string tenant, string assignment, string result) =>
        SendAsync(new WatchLine { Ended = [new TaskEnded { TenantId = tenant, AssignmentId = assignment, Result = RawJson.FromString(result) }] });

    public Task BreakAsync() => _pipe.Writer.CompleteAsync(new IOException("the scheduler has gone")).AsTask();

    private async Task SendAsync(WatchLine line)
    {
        await _pipe.Writer.WriteAsync(JsonSerializer.SerializeToUtf8Bytes(line, BeamlineJson.Default.WatchLine));
        await _pipe.Writer.WriteAsync("\n"u8.ToArray());
    }
}
