using Beamline.Contracts;
using Beamline.DaprAccess;
using Beamline.ExecutorHost;
using Beamline.FaultyExecutor;
using Beamline.Observability;

// A cpu-executor whose only block misbehaves when told to; in its place in tests of what the platform makes of that.
return await BeamlineHost.RunAsync("cpu-executor", () =>
{
    var builder = BeamlineHost.CreateBuilder(args);
    builder.AddBeamline("cpu-executor");
    builder.Services.AddDaprClient();
    builder.Services.AddExecutor(Pools.Cpu, builder.Configuration, blocks => blocks.Add<FaultyBlock>());

    var app = builder.Build();
    app.UseAppApiToken();
    app.MapBeamline();
    app.MapExecutor();
    return app;
});
