using Beamline.DaprAccess;
using Beamline.Observability;
using Beamline.Scheduler;

return await BeamlineHost.RunAsync("scheduler", () =>
{
    var builder = BeamlineHost.CreateBuilder(args);
    builder.AddBeamline("scheduler");
    builder.Services.AddDaprClient();
    builder.Services.AddScheduler(builder.Configuration);

    var app = builder.Build();
    app.UseAppApiToken();
    app.MapBeamline();
    app.MapScheduler();
    return app;
});
