using Beamline.Contracts.Assignments;
using Beamline.Contracts.Errors;
using Beamline.Contracts.Json;
using Beamline.Contracts.Results;
using Beamline.Scheduler.Core;
using Beamline.Scheduler.Events;
using Beamline.Scheduler.Ledger;
using Microsoft.Extensions.Options;

namespace Beamline.Scheduler.Tests;

/// <summary>Tasks and rows as commits announce them, and options as the configuration gives them.</summary>
internal static class Rows
{
    public static TaskInfo Task(long id, string tenant = "tenant-a", string? assignment = null, long? aliasOf = null, bool plain = false)
    {
        var name = assignment ?? $"assign-{id}";
        var step = plain ? "" : $"""
            "flow_id":"flow","step_id":"step-{aliasOf ?? id}",
            """;
        var bytes = RawJson.FromString($$"""
            {"version":"1","assignment_id":"{{name}}","request_id":"req-{{id}}","tenant_id":"{{tenant}}","trace_id":"trace-{{id}}",{{step}}"executor":{"provider_id":"p"},
             "job":{"type":"http.request","url":"http://example.test/","headers":{"Authorization":"Bearer abc"} } }
            """);
        var read = AssignmentReader.Read(bytes.Utf8).Assignment!;
        return new TaskInfo
        {
            Id = id,
            Assignment = read,
            TenantId = tenant,
            AssignmentId = name,
            Bytes = bytes,
            Identity = StepIdentity.KeyOf(read, 0),
            BodyHash = [1, 2, 3],
            Source = "gateway",
            Pool = "io",
            Type = "http.request",
            Priority = 5,
            Slots = 1,
            Cost = 1,
            TimeoutMs = 30_000,
            QueueTimeoutMs = 600_000,
            AtMostOnce = false,
            AdmittedAt = 1_000,
            AliasOf = aliasOf,
        };
    }

    public static TaskEnding Ending(TaskInfo task, string? result = null, params string[] watchers) => new()
    {
        Task = task,
        Phase = TaskPhase.Success,
        Step = new StepResult { Status = StepStatus.Ok, ErrorCode = ErrorCode.None, Metadata = StepMetadata.Of(task.Assignment) },
        Delivery = 1,
        EndedAt = 2_000,
        Watchers = watchers,
        Result = RawJson.FromString(result ?? $$"""{"id":"result:{{task.TenantId}}:{{task.AssignmentId}}:0","big":12345678901234567890}"""),
    };

    public static OutboxRow Ack(long id, TaskInfo? task = null, int number = 1) =>
        new() { Id = id, Kind = OutboxKind.Ack, TaskId = task?.Id ?? id, Task = task ?? Task(id), Number = number, At = 1_000 };

    public static OutboxRow Result(long id, TaskInfo? task = null, string? result = null)
    {
        var info = task ?? Task(id);
        return new OutboxRow { Id = id, Kind = OutboxKind.Result, TaskId = info.Id, Task = info, Ending = Ending(info, result), At = 2_000 };
    }

    public static OutboxRow Rejection(long id, string tenant = "tenant-a") => new()
    {
        Id = id,
        Kind = OutboxKind.Event,
        At = 1_000,
        Data = EventMessages.Rejected(
            new AssignmentReading { Faults = [], Parsable = true, TenantId = tenant, AssignmentId = $"assign-{id}" }, WireError.Of(ErrorCode.QuotaExceeded, "Too many."), 1_000, $"{id}"),
    };

    public static EventRow Event(long seq, TaskInfo task, long sequence, string type = "started", string? data = null) => new()
    {
        Seq = seq,
        TaskId = task.Id,
        Task = task,
        TenantId = task.TenantId,
        Sequence = sequence,
        Type = type,
        At = 1_000,
        Data = data is null ? null : RawJson.FromString(data),
    };
}

/// <summary>Options under every name.</summary>
internal sealed class FixedOptions<T>(T value) : IOptionsMonitor<T>, IOptions<T>
    where T : class
{
    public T CurrentValue => value;

    public T Value => value;

    public T Get(string? name) => value;

    public IDisposable? OnChange(Action<T, string?> listener) => null;
}
