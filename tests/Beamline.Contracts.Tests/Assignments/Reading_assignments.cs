using System.Text;
using System.Text.Json;
using Beamline.Contracts.Assignments;
using Beamline.Contracts.Errors;
using Beamline.Contracts.Json;
using Beamline.Contracts.Tests.Golden;

namespace Beamline.Contracts.Tests.Assignments;

public sealed class Reading_assignments
{
    private const string Ids = """ "version":"1","assignment_id":"a","request_id":"r","tenant_id":"t","executor":{"provider_id":"p"} """;

    [Fact]
    public void Every_field_of_the_contracts_example_is_read()
    {
        var reading = Read(Steps.AssignmentJson);

        Assert.Empty(reading.Faults);
        var read = reading.Assignment!;
        Assert.Equal(("1", "assign-123", "req-456", "tenant-789"), (read.Version, read.AssignmentId, read.RequestId, read.TenantId));
        Assert.Equal(("trace-abc", "run-def", "flow-1", "step-1", 1), (read.TraceId, read.RunId, read.FlowId, read.StepId, read.Attempt));
        Assert.Equal(("", 5, 1640995200000L, 1640998800000L), (read.Tracestate, read.Priority, read.NotBefore, read.ExpiresAt));
        Assert.Equal(new ExecutorRef { ProviderId = "openai", Endpoint = "https://api.example.com/v1/chat/completions" }, read.Executor);
        var job = read.Job;
        Assert.Equal(("http.request", 5000L, 2000L), (job.Type, job.TimeoutMs, job.AttemptTimeoutMs));
        Assert.Equal(new RetrySettings { MaxRetries = 2, BackoffMs = 100 }, job.Retry);
        Assert.Equal(new ResourceRequest { Class = "io", MemoryMb = 64, CpuTimeMs = 1000, GpuMemoryMb = 0, Concurrency = 1 }, job.Resources);
        Assert.Equal(new Guardrails { DryRun = false, MaxOutputBytes = 262144 }, job.Guardrails);
        Assert.Equal(("api.example.com", "at_least_once", "1"), (job.ConcurrencyKey, job.Redelivery, job.BlockVersion));
        Assert.Equal(["body", "headers", "method", "url"], job.ReadInputs().Keys.Order());
    }

    [Fact]
    public void Inputs_survive_the_buffer_they_were_read_from()
    {
        var bytes = Encoding.UTF8.GetBytes(Steps.AssignmentJson);
        var read = AssignmentReader.Read(bytes).Assignment!;
        Array.Clear(bytes);

        Assert.Equal("POST", read.Job.ReadInputs()["method"].GetString());
    }

    [Fact]
    public void Nothing_inline_is_an_input_when_inputs_is_there()
    {
        var read = Read($$"""{ {{Ids}},"job":{"type":"crypto.hash","content":"inline","inputs":{"algorithm":"sha256"} } }""").Assignment!;

        Assert.Equal(["algorithm"], read.Job.ReadInputs().Keys);
        Assert.False(read.Job.TryReadInput("content", out _));
    }

    [Fact]
    public void Every_fault_is_reported_with_its_field_and_code()
    {
        var reading = Read("""
            {"version":"2","assignment_id":"","tenant_id":"a.b","flow_id":7,"priority":10,"attempt":0,"expires_at":"soon",
             "executor":{},"job":{"type":"fs.fly","timeout_ms":0,"retry":{"max_retries":21,"backoff_ms":1.5},
             "resources":{"class":"tpu","concurrency":0},"guardrails":[],"redelivery":"never"}}
            """);

        Assert.Equal(
            [
                "1001 version", "1003 assignment_id", "1002 request_id", "1003 tenant_id", "1003 flow_id", "1001 attempt", "1001 priority", "1003 expires_at",
                "1002 executor.provider_id", "1001 job.type", "1001 job.timeout_ms", "1001 job.retry.max_retries", "1003 job.retry.backoff_ms",
                "1001 job.resources.class", "1001 job.resources.concurrency", "1003 job.guardrails", "1001 job.redelivery",
            ],
            reading.Faults.Select(fault => $"{(int)fault.Code} {fault.Field}"));
        Assert.All(reading.Faults, fault => Assert.NotEmpty(fault.Message));
        Assert.True(reading.Parsable);
        Assert.Null(reading.Assignment);
    }

    [Theory]
    [InlineData("{}", "1002 version,1002 assignment_id,1002 request_id,1002 tenant_id,1002 executor,1002 job")]
    [InlineData("""{"version":1,"assignment_id":null,"request_id":[],"tenant_id":{},"executor":"x","job":[]}""", "1003 version,1002 assignment_id,1003 request_id,1003 tenant_id,1003 executor,1003 job")]
    [InlineData("""{"version":"","assignment_id":"a","request_id":"r","tenant_id":"t","executor":{"provider_id":"p"},"job":{"type":""} }""", "1003 version,1003 job.type")]
    public void What_is_missing_is_told_from_what_is_wrong(string json, string expected) =>
        Assert.Equal(expected, string.Join(',', Read(json).Faults.Select(fault => $"{(int)fault.Code} {fault.Field}")));

    [Theory]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("\"text\"")]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("{\"version\":\"1\"} {}")]
    [InlineData("{\"a\":1,\"a\":2}")]
    [InlineData("{\"job\":{\"x\":[{\"b\":1,\"\\u0062\":2}]}}")]
    [InlineData("{\"a\":\"\\ud800\"}")]
    [InlineData("{\"a\":\"\\udc00\\ud800\"}")]
    [InlineData("{\"a\":\"\\\\\\ud800x\"}")]
    [InlineData("{\"a\":1,}")]
    [InlineData("{/*c*/}")]
    public void What_is_not_one_sound_JSON_object_is_unparsable(string json)
    {
        var reading = Read(json);

        Assert.False(reading.Parsable);
        Assert.Equal(ErrorCode.InvalidFormat, Assert.Single(reading.Faults).Code);
    }

    [Theory]
    [InlineData("\\\\ud800")]
    [InlineData("\\ud83d\\ude00")]
    [InlineData("\\u00e9\\n\\\\")]
    public void Escapes_that_mean_something_are_fine(string text) =>
        Assert.Empty(Read($$"""{ {{Ids}},"job":{"type":"crypto.hash","content":"{{text}}"} }""").Faults);

    [Fact]
    public void Bytes_that_are_not_UTF8_are_unparsable()
    {
        var bytes = Encoding.Latin1.GetBytes($$"""{ {{Ids}},"job":{"type":"crypto.hash","content":"é"} }""");

        Assert.False(AssignmentReader.Read(bytes).Parsable);
    }

    [Theory]
    [InlineData(63, true)]
    [InlineData(64, false)]
    [InlineData(5000, false)]
    public void Depth_ends_at_64(int arrays, bool parsable)
    {
        var json = $$"""{"deep":{{new string('[', arrays)}}{{new string(']', arrays)}} }""";

        Assert.Equal(parsable, Read(json).Parsable);
    }

    [Fact]
    public void More_than_256_KiB_is_refused_and_still_tells_its_ids()
    {
        var head = $$"""{ {{Ids}},"job":{"type":"crypto.hash","content":"x"}""";
        var fits = Read(head + new string(' ', WireLimits.MaxAssignmentBytes - head.Length - 1) + "}");
        var exceeds = Read(head + new string(' ', WireLimits.MaxAssignmentBytes - head.Length) + "}");

        Assert.Empty(fits.Faults);
        Assert.Equal(ErrorCode.InvalidInput, Assert.Single(exceeds.Faults).Code);
        Assert.Equal(("a", "r", "t"), (exceeds.AssignmentId, exceeds.RequestId, exceeds.TenantId));
    }

    [Fact]
    public void Ten_megabytes_are_not_even_parsed() =>
        Assert.False(AssignmentReader.Read(new byte[10_000_000]).Parsable);

    [Theory]
    [InlineData("tenant.a", false)]
    [InlineData("ten ant", false)]
    [InlineData("tenänt", false)]
    [InlineData(">", false)]
    [InlineData("", false)]
    [InlineData("A-z_09", true)]
    public void A_tenant_id_is_fit_for_a_subject(string tenant, bool valid)
    {
        var faults = Read($$"""{"version":"1","assignment_id":"a","request_id":"r","tenant_id":"{{tenant}}","executor":{"provider_id":"p"},"job":{"type":"crypto.hash"} }""").Faults;

        Assert.Equal(valid ? "" : "tenant_id InvalidFormat", string.Join(',', faults.Select(fault => $"{fault.Field} {fault.Code}")));
    }

    [Fact]
    public void Ids_are_bounded()
    {
        string Body(int tenant, int id) => $$"""{"version":"1","assignment_id":"{{new string('a', id)}}","request_id":"r","tenant_id":"{{new string('t', tenant)}}","executor":{"provider_id":"p"},"job":{"type":"crypto.hash"} }""";

        Assert.Empty(Read(Body(64, 128)).Faults);
        Assert.Equal(["assignment_id", "tenant_id"], Read(Body(65, 129)).Faults.Select(fault => fault.Field));
    }

    [Fact]
    public void A_pipe_in_a_flow_id_a_foreign_id_and_big_integers_are_no_faults()
    {
        var json = $$"""{ {{Ids}},"id":{"not":"ours"},"flow_id":"a||b","huge":123456789012345678901234567890,"job":{"type":"crypto.hash","n":98765432109876543210} }""";

        var read = Read(json).Assignment!;

        Assert.Null(read.Id);
        Assert.Equal("a||b", read.FlowId);
        Assert.Equal("98765432109876543210", read.Job.ReadInputs()["n"].GetRawText());
    }

    [Theory]
    [InlineData("http.request", "{}", "MissingRequiredField job.url")]
    [InlineData("http.request", """{"inputs":{}}""", "MissingRequiredField job.inputs.url")]
    [InlineData("http.request", """{"inputs":{},"url":"http://x"}""", "MissingRequiredField job.inputs.url")]
    [InlineData("http.request", """{"url":"http://x"}""", "")]
    [InlineData("crypto.hash", """{"resources":{"class":"gpu"} }""", "InvalidInput job.resources.class")]
    [InlineData("crypto.hash", """{"resources":{"class":"cpu"} }""", "")]
    [InlineData("fs.put", "{}", "")]
    [InlineData("human.approval", "{}", "MissingRequiredField job.prompt,MissingRequiredField job.approvers")]
    [InlineData("human.approval", """{"inputs":{},"prompt":"x","approvers":["a"]}""", "MissingRequiredField job.inputs.prompt,MissingRequiredField job.inputs.approvers")]
    [InlineData("human.approval", """{"prompt":"x","approvers":["a"]}""", "")]
    [InlineData("human.approval", """{"inputs":{"prompt":"x","approvers":["a","A","a"],"timeout_ms":7776000000} }""", "")]
    [InlineData("human.approval", """{"inputs":{"prompt":"x","approvers":["a"],"timeout_ms":7776000001} }""", "InvalidInput job.inputs.timeout_ms")]
    [InlineData("human.approval", """{"prompt":"x","approvers":["a"],"timeout_ms":7776000001}""", "InvalidInput job.timeout_ms")]
    [InlineData("human.approval", """{"prompt":"","approvers":["a"]}""", "InvalidFormat job.prompt")]
    [InlineData("human.approval", """{"prompt":" \n ","approvers":["a"]}""", "InvalidFormat job.prompt")]
    [InlineData("human.approval", """{"prompt":7,"approvers":["a"]}""", "InvalidFormat job.prompt")]
    [InlineData("human.approval", """{"prompt":"x","approvers":[]}""", "InvalidInput job.approvers")]
    [InlineData("human.approval", """{"prompt":"x","approvers":"ann"}""", "InvalidFormat job.approvers")]
    [InlineData("human.approval", """{"prompt":"x","approvers":["a",7]}""", "InvalidFormat job.approvers[1]")]
    [InlineData("human.approval", """{"prompt":"x","approvers":["a","b",""]}""", "InvalidFormat job.approvers[2]")]
    [InlineData("media.render", "{}", "InvalidInput job.type")]
    [InlineData("Crypto.Hash", "{}", "InvalidInput job.type")]
    public void A_block_has_its_own_demands(string type, string rest, string expected)
    {
        var job = rest == "{}" ? $$"""{"type":"{{type}}"}""" : $$"""{"type":"{{type}}",{{rest[1..]}}""";

        Assert.Equal(expected, string.Join(',', Read($$"""{ {{Ids}},"job":{{job}} }""").Faults.Select(fault => $"{fault.Code} {fault.Field}")));
    }

    [Theory]
    [InlineData(4096, 100, 128, "")]
    [InlineData(4097, 100, 128, "InvalidFormat job.prompt")]
    [InlineData(4096, 101, 128, "InvalidInput job.approvers")]
    [InlineData(4096, 100, 129, "InvalidFormat job.approvers[0]")]
    public void What_an_approval_asks_and_whom_is_bounded(int prompt, int approvers, int id, string expected)
    {
        var list = string.Join(',', Enumerable.Repeat($"\"{new string('a', id)}\"", approvers));
        var job = $$"""{"type":"human.approval","prompt":"{{new string('p', prompt)}}","approvers":[{{list}}]}""";

        Assert.Equal(expected, string.Join(',', Read($$"""{ {{Ids}},"job":{{job}} }""").Faults.Select(fault => $"{fault.Code} {fault.Field}")));
    }

    [Fact]
    public void The_waiting_time_of_an_approval_may_stand_among_its_inputs()
    {
        var job = Read($$"""{ {{Ids}},"job":{"type":"human.approval","inputs":{"prompt":"x","approvers":["a"],"timeout_ms":5} } }""").Assignment!;
        var other = Read($$"""{ {{Ids}},"job":{"type":"crypto.hash","inputs":{"content":"x","timeout_ms":5} } }""").Assignment!;

        Assert.Equal((5, JobDefaults.TimeoutMs), (JobDefaults.For(job).TimeoutMs, JobDefaults.For(other).TimeoutMs));
    }

    [Fact]
    public void An_endpoint_stands_in_for_a_url() =>
        Assert.Empty(Read("""{"version":"1","assignment_id":"a","request_id":"r","tenant_id":"t","executor":{"provider_id":"p","endpoint":"http://x"},"job":{"type":"http.request"} }""").Faults);

    [Fact]
    public void Trusted_bytes_read_the_same_as_strange_ones()
    {
        var strange = Read(Steps.AssignmentJson).Assignment!;
        var trusted = AssignmentReader.ReadTrusted(RawJson.FromString(Steps.AssignmentJson));

        Assert.Equal(strange with { Job = trusted.Job }, trusted);
        Assert.Equal(strange.Job.ReadInputs().Keys.Order(), trusted.Job.ReadInputs().Keys.Order());
        Assert.Throws<InvalidDataException>(() => AssignmentReader.ReadTrusted(RawJson.FromString("{}")));
    }

    [Fact]
    public void Generated_JSON_reads_and_writes_an_assignment_too()
    {
        var read = JsonSerializer.Deserialize(Steps.AssignmentJson, BeamlineJson.Default.ExecAssignment)!;
        var again = Read(JsonSerializer.Serialize(read, BeamlineJson.Default.ExecAssignment)).Assignment!;

        Assert.Equal(Steps.Assignment() with { Job = again.Job }, again);
        Assert.Equal("POST", again.Job.ReadInputs()["method"].GetString());
    }

    private static AssignmentReading Read(string json) => AssignmentReader.Read(Encoding.UTF8.GetBytes(json));
}
