using System.Net;
using System.Runtime.CompilerServices;
using Beamline.Gateway.Tests.Setup;
using Beamline.Sidecar;
using Beamline.TestKit;
using Microsoft.Extensions.Logging.Abstractions;

namespace Beamline.Gateway.Tests.Runtime;

/// <summary>The same gateway with the real routes, components and resiliency policies between it and the scheduler.</summary>
public sealed class Over_the_embedded_sidecar
{
    private const string Result = """{"id":"result:t:a:0","status":"success"}""";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Admission_and_the_stream_of_results_pass_through()
    {
        using var folder = new TemporaryFolder();
        await using var sidecar = await StartAsync(folder);
        var scheduler = new ScriptedScheduler();
        await AddAsync(sidecar, "scheduler", scheduler);
        var own = await AddAsync(sidecar, "gateway", null);
        await using var gateway = await GatewayUnderTest.StartAsync(scheduler, own.CreateHandler);
        var watch = await scheduler.WatchAsync();
        await watch.OpenAsync();
        scheduler.OnAdmit = async (request, _) =>
        {
            await watch.EndAsync("t", "a", Result);
            return ScriptedScheduler.AcceptAll(request);
        };

        var answer = await gateway.SubmitAsync(Bodies.HashOf("a"), "?wait=30");

        Assert.Equal((HttpStatusCode.OK, Result), (answer.Status, answer.Body));
        Assert.Equal(Bodies.HashOf("a"), scheduler.Admitted.Single());
    }

    [Fact]
    public async Task Without_a_scheduler_the_real_bus_takes_the_task()
    {
        using var folder = new TemporaryFolder();
        await using var sidecar = await StartAsync(folder);
        var own = await AddAsync(sidecar, "gateway", null);
        await using var gateway = await GatewayUnderTest.StartAsync(new ScriptedScheduler(), own.CreateHandler);

        var answer = await gateway.SubmitAsync(Bodies.HashOf("a"));

        Assert.Equal((HttpStatusCode.Accepted, "queued"), (answer.Status, answer.Text("state")));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await gateway.GetAsync("/v1/tasks/a?tenant_id=t")).Status);
    }

    private static Task<EmbeddedSidecar> StartAsync(TemporaryFolder folder) => EmbeddedSidecar.StartAsync(
        new SidecarOptions { DataDirectory = folder.File("data"), ComponentsPath = Components() }, NullLoggerFactory.Instance, Ct);

    private static async Task<SidecarApp> AddAsync(EmbeddedSidecar sidecar, string appId, HttpMessageHandler? app)
    {
        var added = await sidecar.AddAppAsync(new SidecarAppOptions { AppId = appId, AppHandler = app }, Ct);
        await added.WaitReadyAsync(Ct);
        return added;
    }

    private static string Components([CallerFilePath] string here = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "..", "..", "..", "components", "local"));
}
