using System.Text.Json;
using Beamline.Contracts.Assignments;
using Beamline.Contracts.Errors;
using Beamline.ExecutorHost.Blocks;

namespace Beamline.ExecutorHost.Tests.Blocks;

public sealed class StepInputsTests
{
    [Fact]
    public void What_is_missing_is_1002_and_names_its_path()
    {
        var inputs = Of("{}");

        Assert.Equal("", inputs.RequiredString("url"));

        Assert.Equal(new Fault(ErrorCode.MissingRequiredField, "job.inputs.url", "job.inputs.url is required."), Assert.Single(inputs.Faults));
        Assert.Equal(ErrorCode.MissingRequiredField, inputs.Invalid!.Code);
    }

    [Fact]
    public void Inline_inputs_are_named_under_job()
    {
        var inputs = StepInputs.Of(new Job { Type = "t", Inline = new() { ["size"] = JsonElement.Parse("\"big\"") } });

        Assert.Null(inputs.OptionalInteger("size", 1, 9));

        Assert.Equal("job.size must be a whole number from 1 to 9.", Assert.Single(inputs.Faults).Message);
    }

    [Fact]
    public void Every_fault_is_collected_before_the_block_asks()
    {
        var inputs = Of("""{"n":1.5,"s":7,"b":"yes","c":"%%%","o":[],"e":""}""");

        inputs.OptionalInteger("n");
        inputs.OptionalString("s");
        inputs.Flag("b");
        inputs.OptionalBase64("c");
        inputs.OptionalObject("o");
        inputs.RequiredString("e");

        Assert.Equal(
            ["job.inputs.n", "job.inputs.s", "job.inputs.b", "job.inputs.c", "job.inputs.o", "job.inputs.e"],
            inputs.Faults.Select(fault => fault.Field));
        Assert.Equal(ErrorCode.InvalidFormat, inputs.Faults[3].Code);
        Assert.All(inputs.Faults.Where((_, i) => i != 3), fault => Assert.Equal(ErrorCode.InvalidInput, fault.Code));
        using var details = inputs.Invalid!.Details!.Value.Parse();
        Assert.Equal(6, details.RootElement.GetProperty("faults").GetArrayLength());
        Assert.False(inputs.Invalid.Retryable);
    }

    [Fact]
    public void Null_counts_as_left_out()
    {
        var inputs = Of("""{"s":null,"n":null}""");

        Assert.Null(inputs.OptionalString("s"));
        Assert.Equal(3, inputs.OptionalInteger("n") ?? 3);
        Assert.False(inputs.Has("s"));
        Assert.Null(inputs.Invalid);
    }

    [Theory]
    [InlineData("""{"content":"é"}""", new byte[] { 0xC3, 0xA9 })]
    [InlineData("""{"content_base64":"AQI="}""", new byte[] { 1, 2 })]
    [InlineData("""{"content":""}""", new byte[0])]
    public void Content_is_text_or_base64(string json, byte[] expected)
    {
        var inputs = Of(json);

        Assert.Equal(expected, inputs.RequiredContent().ToArray());
        Assert.Null(inputs.Invalid);
    }

    [Theory]
    [InlineData("""{"content":"a","content_base64":"AQI="}""", ErrorCode.InvalidInput)]
    [InlineData("{}", ErrorCode.MissingRequiredField)]
    [InlineData("""{"content":"\ud800"}""", ErrorCode.InvalidFormat)]
    public void Content_given_twice_not_at_all_or_as_half_a_character_is_a_fault(string json, ErrorCode code)
    {
        var inputs = Of(json);

        inputs.RequiredContent();

        Assert.Equal(code, inputs.Invalid!.Code);
    }

    [Fact]
    public void A_choice_ignores_case_and_lists_what_there_is()
    {
        Assert.Equal("sha256", Of("""{"algorithm":"SHA256"}""").Choice("algorithm", "sha256", "sha256", "sha512"));
        var wrong = Of("""{"algorithm":"crc"}""");
        wrong.Choice("algorithm", "sha256", "sha256", "sha512");
        Assert.Equal("job.inputs.algorithm must be one of sha256, sha512.", wrong.Invalid!.Message);
    }

    private static StepInputs Of(string json) => StepInputs.Of(JsonElement.Parse(json));
}
