using Beamline.Contracts.Assignments;
using Beamline.Scheduler.Core;
using Beamline.Scheduler.Identity;
using Microsoft.Extensions.Logging.Abstractions;

namespace Beamline.Scheduler.Tests.Identity;

public sealed class IdentityKeysTests : IDisposable
{
    private readonly ManualTime _time = new();
    private readonly ScriptedSidecar _sidecar = new();

    [Fact]
    public async Task What_was_written_when_a_step_ended_is_found_by_its_identity_and_by_its_id()
    {
        const string Exact = """{"id":"result:x","big":12345678901234567890,"quote":"\"","html":"<&>"}""";
        Remember(Rows.Ending(Rows.Task(1), Exact));
        var keys = Keys();
        var byIdentity = (await keys.LookupAsync([Query(Rows.Task(1)) with { AssignmentKey = "assignment-none" }], CancellationToken.None))[0];
        var byId = (await keys.LookupAsync([Query(Rows.Task(1)) with { IdentityKey = "step-none" }], CancellationToken.None))[0];
        Assert.All([byIdentity, byId], answer =>
        {
            Assert.Equal(IdentityKnowledge.Known, answer.Knowledge);
            Assert.Equal("assign-1", answer.AssignmentId);
            Assert.Equal([1, 2, 3], answer.BodyHash!);
            Assert.Equal("success", answer.Status);
            Assert.Equal(Exact, answer.Result.ToString());
        });
    }

    [Fact]
    public async Task A_large_result_lies_under_a_key_of_its_own_and_is_brought_along()
    {
        var large = $$"""{"id":"result:x","body":"{{new string('"', 20_000).Replace("\"", "\\\"", StringComparison.Ordinal)}}"}""";
        Remember(Rows.Ending(Rows.Task(1), large));
        Assert.Equal(3, _sidecar.State.Count);
        Assert.Equal(2, _sidecar.State.Values.Count(value => value.Length < 1_000));
        var answer = (await Keys().LookupAsync([Query(Rows.Task(1))], CancellationToken.None))[0];
        Assert.Equal(large, answer.Result.ToString());
    }

    [Fact]
    public async Task What_is_not_there_is_unknown()
    {
        var answers = await Keys().LookupAsync([Query(Rows.Task(1)), Query(Rows.Task(2))], CancellationToken.None);
        Assert.All(answers, answer => Assert.Equal(IdentityKnowledge.Unknown, answer.Knowledge));
    }

    [Fact]
    public async Task An_id_and_a_step_that_were_used_with_different_bodies_suit_no_body()
    {
        var (step, id) = (Rows.Task(1), Rows.Task(2) with { BodyHash = [9] });
        Remember(Rows.Ending(step));
        Remember(Rows.Ending(id));
        var answer = (await Keys().LookupAsync([Query(step) with { AssignmentKey = Query(id).AssignmentKey }], CancellationToken.None))[0];
        Assert.Equal(IdentityKnowledge.Known, answer.Knowledge);
        Assert.Empty(answer.BodyHash!);
    }

    [Fact]
    public async Task Questions_that_come_while_a_call_is_out_share_the_next_one()
    {
        var gate = new TaskCompletionSource();
        _sidecar.StoreGate = gate.Task;
        var keys = Keys();
        var asked = Enumerable.Range(1, 50).Select(n => keys.LookupAsync([Query(Rows.Task(n))], CancellationToken.None).AsTask()).ToList();
        gate.SetResult();
        await Task.WhenAll(asked);
        Assert.InRange(_sidecar.StateCalls.Count, 1, 2);
    }

    [Theory]
    [InlineData("refuse", IdentityKnowledge.Unavailable)]
    [InlineData("ledger-only", IdentityKnowledge.Unknown)]
    public async Task While_the_store_is_away_the_setting_decides(string setting, IdentityKnowledge expected)
    {
        _sidecar.StoreAway = true;
        var keys = Keys(new IdentityOptions { WhenStateAway = setting });
        Assert.Equal(expected, (await keys.LookupAsync([Query(Rows.Task(1))], CancellationToken.None))[0].Knowledge);
        _sidecar.StoreAway = false;
        Assert.Equal(IdentityKnowledge.Unknown, (await keys.LookupAsync([Query(Rows.Task(1))], CancellationToken.None))[0].Knowledge);
    }

    [Theory]
    [InlineData(null)]
    [InlineData(3)]
    public async Task A_store_that_does_not_answer_is_unavailable_after_LookupTimeout_a_second_if_not_set(int? seconds)
    {
        _sidecar.StoreGate = new TaskCompletionSource().Task;
        var options = seconds is { } set ? new IdentityOptions { LookupTimeout = TimeSpan.FromSeconds(set) } : new IdentityOptions();
        var asked = Keys(options).LookupAsync([Query(Rows.Task(1))], CancellationToken.None).AsTask();
        await _time.WaitsAsync(TimeSpan.FromSeconds(seconds ?? 1));
        _time.Advance(TimeSpan.FromSeconds(seconds ?? 1) - TimeSpan.FromMilliseconds(1));
        Assert.False(asked.IsCompleted);
        _time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal(IdentityKnowledge.Unavailable, (await asked)[0].Knowledge);
    }

    [Fact]
    public async Task More_keys_than_one_call_takes_are_refused_at_once()
    {
        _sidecar.StoreGate = new TaskCompletionSource().Task;
        var keys = Keys(new IdentityOptions { LookupKeys = 2 });
        _ = keys.LookupAsync([Query(Rows.Task(1))], CancellationToken.None).AsTask();
        _ = keys.LookupAsync([Query(Rows.Task(2))], CancellationToken.None).AsTask();
        Assert.Equal(IdentityKnowledge.Unavailable, (await keys.LookupAsync([Query(Rows.Task(3))], CancellationToken.None))[0].Knowledge);
    }

    [Fact]
    public async Task A_value_that_is_not_ours_counts_as_unknown()
    {
        _sidecar.State[Query(Rows.Task(1)).IdentityKey] = """{"something":"else"}""";
        _sidecar.State[Query(Rows.Task(2)).IdentityKey] = """{"assignment_id":"a","body_hash":"zz","status":"success"}""";
        var answers = await Keys().LookupAsync([Query(Rows.Task(1)), Query(Rows.Task(2))], CancellationToken.None);
        Assert.All(answers, answer => Assert.Equal(IdentityKnowledge.Unknown, answer.Knowledge));
    }

    public void Dispose() => _sidecar.Dispose();

    private IdentityKeys Keys(IdentityOptions? options = null) =>
        new(_sidecar.Client(), new FixedOptions<IdentityOptions>(options ?? new IdentityOptions()), _time, NullLogger<IdentityKeys>.Instance);

    private void Remember(TaskEnding ending)
    {
        foreach (var (key, value) in DueKey.Of(ending).Values(16 * 1024))
        {
            _sidecar.State[key] = System.Text.Encoding.UTF8.GetString(value);
        }
    }

    private static IdentityQuery Query(TaskInfo task) => new(
        task.TenantId, task.AssignmentId, task.Identity, StepIdentity.StateKey(task.Identity), StepIdentity.AssignmentStateKey(task.TenantId, task.AssignmentId));
}
