using System.Text.Json;
using System.Text.RegularExpressions;
using Beamline.Contracts.Admission;
using Beamline.Contracts.Json;
using Beamline.Scheduler.Core;
using Beamline.Scheduler.Ledger;
using Beamline.Scheduler.Outbox;

namespace Beamline.Scheduler.Tests.Engine;

/// <summary>What a tenant hears of an assignment that was not taken.</summary>
public sealed partial class RejectionEventTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_rejection_over_the_bus_is_owed_as_an_ack_and_an_event_in_exactly_this_form()
    {
        await using var harness = EngineHarness.Open();
        await harness.AdmitAsync(OverBus("""{"version":"1","assignment_id":"a","tenant_id":"t","trace_id":"trace-abc","executor":{"provider_id":"p"},"job":{"type":"crypto.hash"}}"""));
        Assert.Equal([OutboxKind.Ack, OutboxKind.Event], harness.Commits.Outbox.Select(row => row.Kind));
        Assert.Equal(
            """{"id":"events:#","tenant_id":"t","events":[{"event_id":"event:t:a:rejected:#","type":"rejected","assignment_id":"a","tenant_id":"t","trace_id":"trace-abc","sequence":1,"at":0,"data":{"code":"missing_required_field","number":1002,"message":"request_id is required."}}]}""",
            Masked(harness.Commits.Outbox[1]));
        Assert.Empty(harness.Commits.Events);
    }

    [Theory]
    [InlineData("""{"version":"1","assignment_id":"a","job":{}}""")]
    [InlineData("""{"version":"1","assignment_id":"a","tenant_id":"no.dots","job":{}}""")]
    [InlineData("""{"version":"1","tenant_id":"t","job":{}}""")]
    [InlineData("""{"version":"1","assignment_id":"\u0007","tenant_id":"t","job":{}}""")]
    [InlineData("""["tenant_id","t"]""")]
    public async Task Without_a_valid_tenant_and_assignment_there_is_nobody_to_tell(string text)
    {
        await using var harness = EngineHarness.Open();
        Assert.Equal(AdmitStatuses.Rejected, (await harness.AdmitAsync(OverBus(text))).Status);
        Assert.Contains(harness.Commits.Outbox, row => row.Kind == OutboxKind.Ack);
        Assert.DoesNotContain(harness.Commits.Outbox, row => row.Kind == OutboxKind.Event);
    }

    [Theory]
    [InlineData(1, 100, "quota_exceeded")]
    [InlineData(100, 1, "system_overload")]
    public async Task Over_a_bound_the_bus_hears_of_it_and_a_gateways_caller_alone(int tasksOfATenant, int tasks, string code)
    {
        await using var harness = EngineHarness.Open(
            scheduling: new SchedulingOptions { MaxOpenTasks = tasks }, tenants: new Beamline.Scheduler.Core.Tenants.TenantsOptions { Default = { MaxQueued = tasksOfATenant } });
        await harness.AdmitAsync(EngineHarness.Item("first"));
        var before = harness.Commits.Outbox.Count;
        Assert.Equal(code, (await harness.AdmitAsync(EngineHarness.Item("over-http"))).Error!.Code);
        Assert.Equal(before, harness.Commits.Outbox.Count);

        await harness.AdmitAsync(EngineHarness.Item("over-bus", source: AdmitSources.Bus, more: "\"flow_id\":\"f\",\"step_id\":\"s\",\"run_id\":\"r\","));
        var told = Masked(harness.Commits.Outbox[^1]);
        Assert.Contains("\"event_id\":\"event:t:over-bus:rejected:#\"", told, StringComparison.Ordinal);
        Assert.Contains("\"flow_id\":\"f\",\"step_id\":\"s\",\"run_id\":\"r\"", told, StringComparison.Ordinal);
        Assert.Contains($"\"code\":\"{code}\"", told, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Each_rejected_message_has_an_event_id_of_its_own_that_no_task_event_has()
    {
        await using var harness = EngineHarness.Open();
        await harness.AdmitAsync(EngineHarness.Item("a"));
        await harness.AdmitAsync(EngineHarness.Item("a", content: "other", source: AdmitSources.Bus));
        await harness.AdmitAsync(EngineHarness.Item("a", content: "another", source: AdmitSources.Bus));
        var ids = harness.Commits.Outbox.Where(row => row.Kind == OutboxKind.Event).Select(row => EventId().Match(row.Data.ToString()!).Value).ToList();
        Assert.Equal(2, ids.Distinct().Count());
        Assert.All(ids, id => Assert.StartsWith("\"event_id\":\"event:t:a:rejected:", id, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("""{"assignment_id":"a","tenant_id":"t"}""")]
    [InlineData("""{"assignment_id":"a","tenant_id":"t" """)]
    public async Task A_rejected_message_that_is_delivered_again_is_told_under_the_same_ids_which_the_broker_drops(string text)
    {
        await using var harness = EngineHarness.Open();
        await harness.AdmitAsync(OverBus(text));
        await harness.AdmitAsync(OverBus(text));
        Assert.All(
            harness.Commits.Outbox.GroupBy(row => row.Kind),
            told => Assert.Equal((2, 1), (told.Count(), told.Select(IdOf).Distinct().Count())));
    }

    [Fact]
    public async Task Who_is_over_a_quota_hears_of_it_each_time_he_tries()
    {
        var time = new ManualTime();
        await using var harness = EngineHarness.Open(tenants: new Beamline.Scheduler.Core.Tenants.TenantsOptions { Default = { MaxQueued = 1 } }, time: time);
        await harness.AdmitAsync(EngineHarness.Item("first"));
        var before = harness.Commits.Outbox.Count;
        await harness.AdmitAsync(EngineHarness.Item("over", source: AdmitSources.Bus));
        time.Advance(TimeSpan.FromSeconds(2));
        await harness.AdmitAsync(EngineHarness.Item("over", source: AdmitSources.Bus));
        Assert.Equal(4, harness.Commits.Outbox.Skip(before).Select(IdOf).Distinct().Count());
    }

    [Fact]
    public async Task The_ledger_gives_the_event_back_as_the_same_bytes()
    {
        await using var harness = EngineHarness.Open();
        await harness.AdmitAsync(OverBus("""{"assignment_id":"a","tenant_id":"t"}"""));
        var row = Assert.Single((await harness.Ledger.Reader.OutboxAfterAsync(OutboxKind.Event, 0, Token)).Rows);
        Assert.Equal(harness.Commits.Outbox[^1].Data.ToString(), row.Data.ToString());
    }

    [Fact]
    public async Task A_flood_of_rejections_stops_at_the_outboxs_bound_and_stays_on_the_bus()
    {
        await using var harness = EngineHarness.Open(scheduling: new SchedulingOptions { MaxOutboxRows = 10 });
        var flood = Enumerable.Range(0, 200).Select(n => OverBus($$"""{"assignment_id":"a-{{n}}","tenant_id":"t"}""")).ToList();
        var outcomes = await harness.Engine.AdmitAsync(flood, null, Token);
        Assert.Equal(5, outcomes.Count(outcome => outcome.Status == AdmitStatuses.Rejected));
        Assert.Equal(195, outcomes.Count(outcome => outcome.Status == AdmitStatuses.Refused));
        Assert.Equal(10, harness.Engine.Depths().OutboxRows);
    }

    private static string IdOf(OutboxRow row)
    {
        using var message = JsonDocument.Parse(OutboxMessages.Build(row));
        return message.RootElement.GetProperty("id").GetString()!;
    }

    private static AdmitItem OverBus(string assignment) => new() { Assignment = RawJson.FromString(assignment), Source = AdmitSources.Bus };

    /// <summary>The message with its hashes and its time taken out.</summary>
    private static string Masked(OutboxRow row) => Times().Replace(Hashes().Replace(row.Data.ToString()!, "#"), "\"at\":0");

    [GeneratedRegex("[0-9a-f]{32,64}")]
    private static partial Regex Hashes();

    [GeneratedRegex("\"at\":[0-9]+")]
    private static partial Regex Times();

    [GeneratedRegex("\"event_id\":\"[^\"]*\"")]
    private static partial Regex EventId();
}
