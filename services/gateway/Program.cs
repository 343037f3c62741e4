using Beamline.Gateway;
using Beamline.Observability;

return await BeamlineHost.RunAsync("gateway", () =>
{
    var builder = BeamlineHost.CreateBuilder(args);
    builder.AddBeamline("gateway");
    builder.WebHost.UseSetting(WebHostDefaults.ServerUrlsKey, builder.Configuration[WebHostDefaults.ServerUrlsKey] ?? GatewayOptions.DefaultUrl);
    builder.Services.AddGateway(builder.Configuration);

    var app = builder.Build();
    app.MapBeamline();
    app.MapGateway();
    return app;
});
