using System.Text;
using Beamline.Contracts.Assignments;
using Beamline.Contracts.Tests.Golden;

namespace Beamline.Contracts.Tests.Assignments;

public sealed class Identity_of_a_step
{
    [Fact]
    public void Flow_step_attempt_and_replay_make_it_and_the_assignment_id_does_not()
    {
        var step = Steps.Assignment();
        var key = StepIdentity.KeyOf(step, 0);

        Assert.Equal(32, key.Length);
        Assert.Equal(key, StepIdentity.KeyOf(step with { AssignmentId = "another", RequestId = "r2" }, 0));
        Assert.Equal(key, StepIdentity.KeyOf(step with { Attempt = null }, 0));
        Assert.NotEqual(key, StepIdentity.KeyOf(step with { Attempt = 2 }, 0));
        Assert.NotEqual(key, StepIdentity.KeyOf(step, 1));
        Assert.NotEqual(key, StepIdentity.KeyOf(step with { TenantId = "x" }, 0));
    }

    [Fact]
    public void Without_flow_or_step_the_assignment_id_makes_it()
    {
        var step = Steps.Assignment() with { StepId = null };

        Assert.Equal(StepIdentity.KeyOf(step, 0), StepIdentity.KeyOf(step with { FlowId = "other", Attempt = 9 }, 0));
        Assert.NotEqual(StepIdentity.KeyOf(step, 0), StepIdentity.KeyOf(step with { AssignmentId = "other" }, 0));
    }

    [Fact]
    public void No_separator_inside_an_id_makes_two_steps_one()
    {
        var step = Steps.Assignment();

        Assert.NotEqual(
            StepIdentity.KeyOf(step with { FlowId = "a||b", StepId = "c" }, 0),
            StepIdentity.KeyOf(step with { FlowId = "a", StepId = "b||c" }, 0));
        Assert.NotEqual(
            StepIdentity.KeyOf(step with { FlowId = "ab", StepId = "c" }, 0),
            StepIdentity.KeyOf(step with { FlowId = "a", StepId = "bc" }, 0));
    }

    [Fact]
    public void State_keys_are_fit_for_Dapr_whatever_the_ids_hold()
    {
        var key = StepIdentity.KeyOf(Steps.Assignment() with { FlowId = "a||b" }, 0);
        string[] names = [StepIdentity.StateKey(key), StepIdentity.ResultStateKey(key), StepIdentity.AssignmentStateKey("t", "a||b")];

        Assert.Equal(3, names.Distinct().Count());
        Assert.All(names, name => Assert.Matches("^[a-z]+-[0-9a-f]{64}$", name));
    }

    [Theory]
    [InlineData("""{"executor":{"provider_id":"p"},"job":{"type":"x","n":9007199254740993}}""", """{"executor":{"provider_id":"p"},"job":{"type":"x","n":9007199254740992}}""")]
    [InlineData("""{"executor":{"provider_id":"p"},"job":{"a":["b"]}}""", """{"executor":{"provider_id":"p"},"job":{"a":"b"}}""")]
    [InlineData("""{"executor":{"x":{}},"job":{}}""", """{"executor":{},"job":{"x":{}}}""")]
    public void Another_body_has_another_hash(string one, string other) =>
        Assert.NotEqual(Hash(one), Hash(other));

    [Fact]
    public void Only_executor_and_job_are_in_the_hash() =>
        Assert.Equal(Hash("""{"executor":{},"job":{"b":1,"a":2}}"""), Hash("""{"job":{"a": 2,"b":1},"request_id":"r","executor":{}}"""));

    [Fact]
    public void The_hash_is_frozen_since_stored_keys_hold_it() =>
        Assert.Equal("4d3cfc0382d93c46f15b67df31195c337e011f81b23d88edf11a959ae6bbfa32", Hash(Steps.AssignmentJson));

    private static string Hash(string json) => Convert.ToHexStringLower(BodyHash.Of(Encoding.UTF8.GetBytes(json)));
}
