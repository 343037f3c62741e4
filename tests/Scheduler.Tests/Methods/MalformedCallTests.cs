using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Beamline.Contracts;
using Beamline.Scheduler.Tests.Engine;

namespace Beamline.Scheduler.Tests.Methods;

/// <summary>
/// Every value of every method's body, replaced by what must not be there, one at a time: the caller is told (400) or answered,
/// nothing fails inside, and the scheduler goes on.
/// </summary>
public sealed class MalformedCallTests
{
    private const string Exchange = """
        {"worker":"WORKER","incarnation":"i","pool":"cpu","channel":"report","seq":2,"seen":{"work":0,"report":1},"free":0,"running":[{"lease":LEASE,"ran_ms":5,"retries_used":0}],
        "offers":[{"type":"crypto.hash","version":"1"}],"memory_mb":64,"devices":["cpu"],"starts":[{"lease":LEASE}],"progress":[{"lease":LEASE,"type":"progress","at":5,"data":{"a":1}}],
        "reports":[{"lease":LEASE,"kind":"KIND","result":{"status":"error","error_code":3003,"metadata":{"tenant_id":"t"},"error_message":"no","error_details":{"a":1},"retryable":true,"latency_ms":1,
        "retries_used":0,"metrics":{"cpu_time_ms":2,"mem_bytes":4096}},"retry_after_ms":5000,"ran_ms":5,"retries_used":1}],"draining":false}
        """;

    private const string First = """
        {"worker":"WORKER","incarnation":"i","pool":"cpu","channel":"report","seq":1,"seen":{"work":0,"report":0},"free":1,"running":[],"offers":[{"type":"crypto.hash","version":"1"}]}
        """;

    private static readonly string[] Poison =
    [
        "null", "-1", "0", "9223372036854775807", "-9223372036854775808", "2147483648", "1e400", "0.5", "true", "\"\"", "\"\\u0000\\n\u00e9\"", "\"x\"", "[]", "[null]", "{}",
        "\"" + new string('y', 5_000) + "\"",
    ];

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public static TheoryData<string, string> Calls => new()
    {
        { SchedulerMethods.Admit, """{"watcher":"w","items":[{"assignment":{"version":"1"},"source":"gateway","principal":"ann","scopes":["a"],"wait":true}]}""" },
        { SchedulerMethods.GetTask, """{"tenant_id":"t","assignment_id":"a"}""" },
        { SchedulerMethods.ListTasks, """{"tenant_id":"t","state":"queued","type":"crypto.hash","cursor":"c","limit":5}""" },
        { SchedulerMethods.WaitTasks, """{"watcher":"w","tasks":[{"tenant_id":"t","assignment_id":"a"}]}""" },
        { SchedulerMethods.TaskEvents, """{"tenant_id":"t","assignment_id":"none","after_sequence":1,"hold_ms":1}""" },
        { SchedulerMethods.ExplainTask, """{"tenant_id":"t","assignment_id":"a"}""" },
        { SchedulerMethods.CancelTask, """{"assignment_id":"a","tenant_id":"t","reason":"r","requested_by":"ann","requested_at":5}""" },
        { SchedulerMethods.DecideApproval, """{"assignment_id":"a","tenant_id":"t","approved":true,"approver":"ann","comment":"c","decided_at":5}""" },
        { SchedulerMethods.ListApprovals, """{"tenant_id":"t","cursor":"c","limit":5}""" },
        { SchedulerMethods.ListDeadLetters, """{"tenant_id":"t","cursor":"c","limit":5}""" },
        { SchedulerMethods.GetDeadLetter, """{"tenant_id":"t","dead_letter_id":"dl-1"}""" },
        {
            SchedulerMethods.ReplayDeadLetters,
            """{"tenant_id":"t","filter":{"ids":["dl-1"],"reason":"r","block_type":"crypto.hash","since":1,"until":2},"rate":1,"max":5,"dry_run":false,"allow_repeat":true,"requested_by":"ann","comment":"c"}"""
        },
        { SchedulerMethods.GetReplay, """{"tenant_id":"t","replay_id":"rp-1"}""" },
    };

    [Theory]
    [MemberData(nameof(Calls))]
    public async Task No_value_makes_a_method_fail(string method, string body)
    {
        await using var scheduler = await SchedulerFixture.StartAsync(settings: ("Ledger:Synchronous", "Normal"));
        foreach (var bad in Poisoned(body))
        {
            await AssertToldAsync(scheduler, method, bad);
        }

        await AssertWorksAsync(scheduler);
    }

    [Theory]
    [InlineData("ended")]
    [InlineData("retry_at")]
    [InlineData("handed_back")]
    public async Task No_value_of_a_worker_that_holds_a_lease_makes_the_exchange_fail(string kind)
    {
        await using var scheduler = await SchedulerFixture.StartAsync(settings: ("Ledger:Synchronous", "Normal"));
        var body = Exchange.Replace("KIND", kind, StringComparison.Ordinal).Replace("LEASE", "4503599627370496", StringComparison.Ordinal);
        var workers = 0;
        foreach (var bad in Poisoned(body))
        {
            var worker = $"w{workers++}";
            await scheduler.AdmitAsync(null, EngineHarness.Item($"a{worker}"));
            using var answer = await PostAsync(scheduler, SchedulerMethods.Exchange, First.Replace("WORKER", worker, StringComparison.Ordinal));
            using var read = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(Token));
            var lease = read.RootElement.GetProperty("leases")[0].GetProperty("number").GetRawText();
            await AssertToldAsync(
                scheduler, SchedulerMethods.Exchange, bad.Replace("WORKER", worker, StringComparison.Ordinal).Replace("4503599627370496", lease, StringComparison.Ordinal));
            using var cancelled = await PostAsync(scheduler, SchedulerMethods.CancelTask, $$"""{"assignment_id":"a{{worker}}","tenant_id":"t","requested_at":5}""");
        }

        await AssertWorksAsync(scheduler);
    }

    private static async Task AssertToldAsync(SchedulerFixture scheduler, string method, string body)
    {
        using var answer = await PostAsync(scheduler, method, body);
        Assert.True(
            answer.StatusCode is HttpStatusCode.OK or HttpStatusCode.BadRequest,
            $"{method} answered {(int)answer.StatusCode} to {body[..Math.Min(1_200, body.Length)]}");
        using var read = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(Token));
    }

    private static async Task AssertWorksAsync(SchedulerFixture scheduler)
    {
        await scheduler.AdmitAsync(null, EngineHarness.Item("sound"));
        await scheduler.FinishAsync(1);
    }

    private static Task<HttpResponseMessage> PostAsync(SchedulerFixture scheduler, string method, string body) =>
        scheduler.SendAsync(method, new StringContent(body, Encoding.UTF8, "application/json"));

    /// <summary>The body with one value replaced, for each value at any depth and each poison; and with it left out.</summary>
    private static IEnumerable<string> Poisoned(string body)
    {
        const string Here = "\"@here@\"";
        foreach (var path in Paths(JsonNode.Parse(body)!, []))
        {
            var marked = Replace(JsonNode.Parse(body)!, path, JsonValue.Create("@here@")).ToJsonString();
            foreach (var poison in Poison)
            {
                yield return marked.Replace(Here, poison, StringComparison.Ordinal);
            }

            yield return Replace(JsonNode.Parse(body)!, path, null).ToJsonString();
        }
    }

    private static IEnumerable<object[]> Paths(JsonNode node, object[] path)
    {
        var children = node switch
        {
            JsonObject o => o.Select(member => ((object)member.Key, member.Value!)),
            JsonArray a => a.Select((item, index) => ((object)index, item!)),
            _ => [],
        };
        foreach (var (step, child) in children)
        {
            object[] here = [.. path, step];
            yield return here;
            foreach (var deeper in Paths(child, here))
            {
                yield return deeper;
            }
        }
    }

    /// <param name="root">Changed in place.</param>
    /// <param name="path">Names and indexes.</param>
    /// <param name="by">Null: the value is taken out.</param>
    private static JsonNode Replace(JsonNode root, object[] path, JsonNode? by)
    {
        var parent = path[..^1].Aggregate(root, (node, step) => step is string name ? node[name]! : node[(int)step]!);
        switch (path[^1])
        {
            case string name when by is null:
                ((JsonObject)parent).Remove(name);
                break;
            case string name:
                parent[name] = by;
                break;
            case int index when by is null:
                ((JsonArray)parent).RemoveAt(index);
                break;
            case int index:
                parent[index] = by;
                break;
        }

        return root;
    }
}
