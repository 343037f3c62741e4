using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Hosting;
using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Beamline.Observability;

/// <summary>
/// Sends spans and metrics by OTLP (http/protobuf) to <c>Otel:Endpoint</c>; does nothing without it. Activity sources belong to the
/// process: where several services share one, the first to start exports for all, or every span would be sent once for each.
/// </summary>
internal sealed class OtlpExport(IConfiguration configuration, string component) : IHostedService, IDisposable
{
    private static int _exporting;

    private TracerProvider? _traces;
    private MeterProvider? _metrics;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        if (configuration["Otel:Endpoint"] is not { Length: > 0 } endpoint || Interlocked.Exchange(ref _exporting, 1) == 1)
        {
            return Task.CompletedTask;
        }

        var collector = Uri.TryCreate(endpoint.TrimEnd('/') + "/", UriKind.Absolute, out var uri)
            ? uri
            : throw new SettingsException($"Otel:Endpoint is \"{endpoint}\"; expected an address such as http://127.0.0.1:4318");
        var resource = ResourceBuilder.CreateDefault().AddService(component, serviceNamespace: "beamline");
        _traces = Sdk.CreateTracerProviderBuilder()
            .SetResourceBuilder(resource)
            .AddSource(BeamlineTracing.SourceName, "Beamline.*", "Microsoft.AspNetCore", "System.Net.Http")
            .AddOtlpExporter(otlp => Configure(otlp, collector, "v1/traces"))
            .Build();
        _metrics = Sdk.CreateMeterProviderBuilder()
            .SetResourceBuilder(resource)
            .AddMeter("Beamline", "Beamline.*")
            .AddOtlpExporter(otlp => Configure(otlp, collector, "v1/metrics"))
            .Build();
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Sends what is left, for as long as the exporters' own limit allows.</summary>
    public void Dispose()
    {
        if (_traces is null)
        {
            return;
        }

        _traces.Dispose();
        _metrics?.Dispose();
        _traces = null;
        Interlocked.Exchange(ref _exporting, 0);
    }

    // Set in code, the endpoint is taken as it is: the signal's path is ours to add.
    private static void Configure(OtlpExporterOptions otlp, Uri collector, string path)
    {
        otlp.Endpoint = new Uri(collector, path);
        otlp.Protocol = OtlpExportProtocol.HttpProtobuf;
        otlp.TimeoutMilliseconds = 3000;
    }
}
