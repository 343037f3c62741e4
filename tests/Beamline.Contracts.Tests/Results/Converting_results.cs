using Beamline.Contracts.Errors;
using Beamline.Contracts.Json;
using Beamline.Contracts.Results;
using Beamline.Contracts.Tests.Golden;

namespace Beamline.Contracts.Tests.Results;

public sealed class Converting_results
{
    [Fact]
    public void Details_always_tell_the_block_type_and_it_is_the_assignments()
    {
        var bare = ResultConverter.ToExecResult(Steps.Assignment(), Steps.Failed() with { ErrorDetails = null }, Steps.Context());
        var full = ResultConverter.ToExecResult(Steps.Assignment(), Steps.Failed(), Steps.Context());

        Assert.Equal("""{"block_type":"http.request"}""", bare.Error!.Details.ToString());
        Assert.Equal("""{"block_type":"http.request","status_code":503}""", full.Error!.Details.ToString());
    }

    [Theory]
    [InlineData(64 * 1024, true)]
    [InlineData((64 * 1024) + 1, false)]
    public void Outputs_are_repeated_up_to_64_KiB(int size, bool repeated)
    {
        var result = ResultConverter.ToExecResult(Steps.Assignment(), Sized(size), Steps.Context());

        Assert.Equal(size, result.Result!.Value.Length);
        Assert.Equal(repeated, result.Outputs is not null);
    }

    [Fact]
    public void Outputs_are_not_repeated_when_the_setting_is_off() =>
        Assert.Null(ResultConverter.ToExecResult(Steps.Assignment(), Steps.Ok(), Steps.Context() with { EmitOutputs = false }).Outputs);

    [Fact]
    public void Outputs_above_the_steps_bound_end_it_as_output_too_large()
    {
        var result = ResultConverter.ToExecResult(Steps.Assignment(), Sized(262_145), Steps.Context());

        Assert.Equal(("error", 2001, false), (result.Status, result.ErrorCode, result.Error!.Retryable));
        Assert.Contains("\"reason\":\"output_too_large\"", result.Error.Details.ToString());
        Assert.Null(result.Result);
    }

    [Theory]
    [InlineData(523_000, "success")]
    [InlineData(524_200, "error")]
    public void A_result_never_takes_more_than_512_KiB(int size, string status)
    {
        var assignment = Steps.Assignment();
        assignment = assignment with { Job = assignment.Job with { Guardrails = new() { MaxOutputBytes = 10_000_000 } } };

        var result = ResultConverter.ToExecResult(assignment, Sized(size), Steps.Context());

        Assert.Equal(status, result.Status);
        Assert.True(ResultConverter.Serialise(result).Length <= WireLimits.MaxResultBytes);
    }

    [Fact]
    public void A_message_and_details_beyond_all_bounds_are_cut()
    {
        var step = Steps.Failed() with { ErrorMessage = new string('\u0001', 1_000_000), ErrorDetails = RawJson.FromString($$"""{"x":"{{new string('x', 600_000)}}"}""") };

        Assert.True(ResultConverter.Serialise(ResultConverter.ToExecResult(Steps.Assignment(), step, Steps.Context())).Length < 64 * 1024);
    }

    [Fact]
    public void A_result_is_one_line_whatever_a_block_writes()
    {
        var step = Steps.Ok() with { Outputs = RawJson.FromString("{\r\n \"a\": \"line\\nbreak\"\n}") };
        var bytes = ResultConverter.Serialise(ResultConverter.ToExecResult(Steps.Assignment(), step, Steps.Context()));

        Assert.DoesNotContain((byte)'\n', bytes);
        Assert.DoesNotContain((byte)'\r', bytes);
        Assert.Contains("\"line\\nbreak\"", System.Text.Encoding.UTF8.GetString(bytes));
    }

    [Fact]
    public void A_sound_result_has_no_problems()
    {
        Assert.Empty(StepResultValidator.Validate(Steps.Assignment(), Steps.Ok()));
        Assert.Empty(StepResultValidator.Validate(Steps.Assignment(), Steps.Failed()));
    }

    [Fact]
    public void Metadata_is_required_where_the_assignment_carried_it()
    {
        var step = Steps.Ok() with { Metadata = new StepMetadata { TenantId = "other", TraceId = "trace-abc" } };

        Assert.Equal(
            ["metadata.tenant_id is not the assignment's.", "metadata.run_id is missing.", "metadata.flow_id is missing.", "metadata.step_id is missing."],
            StepResultValidator.Validate(Steps.Assignment(), step));
        Assert.Empty(StepResultValidator.Validate(Steps.Assignment() with { TenantId = "other", RunId = null, FlowId = null, StepId = null }, step));
    }

    public static TheoryData<StepStatus, ErrorCode, bool> Pairs => new()
    {
        { StepStatus.Ok, ErrorCode.None, true }, { StepStatus.Ok, ErrorCode.HttpError, false },
        { StepStatus.Error, ErrorCode.None, false }, { StepStatus.Error, ErrorCode.HttpError, true },
        { StepStatus.Timeout, ErrorCode.Timeout, true }, { StepStatus.Timeout, ErrorCode.InternalError, false },
        { StepStatus.Cancelled, ErrorCode.CancelledByUser, true }, { StepStatus.Cancelled, ErrorCode.None, false },
        { StepStatus.Error, (ErrorCode)77, false }, { (StepStatus)9, ErrorCode.None, false },
    };

    [Theory]
    [MemberData(nameof(Pairs))]
    public void A_code_that_contradicts_its_status_is_found(StepStatus status, ErrorCode code, bool sound) =>
        Assert.Equal(sound, StepResultValidator.Validate(Steps.Assignment(), Steps.Ok() with { Status = status, ErrorCode = code, Outputs = null }).Count == 0);

    [Fact]
    public void Outputs_that_are_no_object_and_counts_below_zero_are_found() =>
        Assert.Equal(3, StepResultValidator.Validate(Steps.Assignment(), Steps.Ok() with { Outputs = RawJson.FromString("[]"), LatencyMs = -1, RetriesUsed = -1 }).Count);

    private static StepResult Sized(int bytes) => Steps.Ok() with { Outputs = RawJson.FromString($$"""{"x":"{{new string('x', bytes - 8)}}"}""") };
}
