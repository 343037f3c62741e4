using Beamline.DaprAccess;
using Beamline.ExecutorHost;
using Beamline.IoExecutor;
using Beamline.Observability;

return await BeamlineHost.RunAsync("io-executor", () =>
{
    var builder = BeamlineHost.CreateBuilder(args);
    builder.AddBeamline("io-executor");
    builder.Services.AddDaprClient();
    builder.Services.AddIoExecutor(builder.Configuration);

    var app = builder.Build();
    app.UseAppApiToken();
    app.MapBeamline();
    app.MapExecutor();
    return app;
});
