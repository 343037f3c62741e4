using Beamline.DaprAccess;
using Beamline.ExecutorHost;
using Beamline.CpuExecutor;
using Beamline.Observability;

return await BeamlineHost.RunAsync("cpu-executor", () =>
{
    var builder = BeamlineHost.CreateBuilder(args);
    builder.AddBeamline("cpu-executor");
    builder.Services.AddDaprClient();
    builder.Services.AddCpuExecutor(builder.Configuration);

    var app = builder.Build();
    app.UseAppApiToken();
    app.MapBeamline();
    app.MapExecutor();
    return app;
});
