using System.Net;
using Beamline.Contracts.Tasks;
using Beamline.Gateway.Tests.Setup;
using Microsoft.Extensions.Options;

namespace Beamline.Gateway.Tests.Settings;

public sealed class Options_of_the_gateway
{
    [Fact]
    public async Task Every_fault_is_told_at_start()
    {
        var fault = await Assert.ThrowsAsync<OptionsValidationException>(() =>
            GatewayUnderTest.StartAsync(("DefaultTenant", "a.b"), ("AdmitTimeout", "00:00:00"), ("AdmitBatchItems", "0"), ("EventHold", "00:00:30"), ("MaxBodiesBytes", "1")));

        Assert.Equal(5, fault.Failures.Count());
    }

    [Fact]
    public async Task Defaults_and_bounds_follow_the_settings()
    {
        await using var gateway = await GatewayUnderTest.StartAsync(
            ("DefaultTenant", "acme"), ("MaxWait", "00:00:05"), ("MaxBodyBytes", "100"), ("MaxBatchTasks", "1"), ("RetryAfter", "00:00:07"), ("EventHold", "00:00:03"));
        gateway.Scheduler.OnGet = request => new TaskView { TenantId = request.TenantId, AssignmentId = "a", State = "queued" };
        var events = new Queue<bool>([false, true]);
        gateway.Scheduler.OnEvents = _ => Task.FromResult(new TaskEventsResponse { Found = true, Events = [], Ended = events.Dequeue() });

        Assert.Equal("acme", (await gateway.GetAsync("/v1/tasks/a")).Text("tenant_id"));
        Assert.Equal(["wait 1001"], (await gateway.GetAsync("/v1/tasks/a?wait=6")).Faults);
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, (await gateway.SubmitAsync(new string(' ', 101))).Status);
        Assert.Equal(["tasks 1001"], (await gateway.BatchAsync("[{},{}]")).Faults);
        await gateway.GetAsync("/v1/tasks/a/events");
        Assert.Equal([0, 3000], gateway.Scheduler.EventQuestions.Select(question => question.HoldMs));
        gateway.Scheduler.IsAway = true;
        Assert.Equal(TimeSpan.FromSeconds(7), (await gateway.GetAsync("/v1/tasks/a")).RetryAfter);
    }

    [Fact]
    public async Task A_scheduler_that_keeps_a_read_waiting_counts_as_none()
    {
        await using var gateway = await GatewayUnderTest.StartAsync(("ReadTimeout", "00:00:00.050"));
        gateway.Scheduler.OnEvents = _ => new TaskCompletionSource<TaskEventsResponse>().Task.WaitAsync(TestContext.Current.CancellationToken);

        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await gateway.GetAsync("/v1/tasks/a/events")).Status);
    }
}
