using Beamline.DaprAccess;
using Beamline.ExecutorHost;
using Beamline.GpuExecutor;
using Beamline.Observability;

return await BeamlineHost.RunAsync("gpu-executor", () =>
{
    var builder = BeamlineHost.CreateBuilder(args);
    builder.AddBeamline("gpu-executor");
    builder.Services.AddDaprClient();
    builder.Services.AddGpuExecutor(builder.Configuration);

    var app = builder.Build();
    app.UseAppApiToken();
    app.MapBeamline();
    app.MapExecutor();
    return app;
});
