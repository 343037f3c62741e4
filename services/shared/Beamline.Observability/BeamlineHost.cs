using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace Beamline.Observability;

/// <summary>What every service has: settings, logs, metrics, traces, health, and the guard of the loopback.</summary>
public static class BeamlineHost
{
    /// <summary>A host whose settings are read once, at start.</summary>
    /// <remarks>
    /// ASP.NET Core would watch the whole tree below the working folder for changes of appsettings.json. The data folder lies
    /// there by default, so every write to a database would wake that watcher: a third of the platform's CPU when measured.
    /// </remarks>
    public static WebApplicationBuilder CreateBuilder(IReadOnlyList<string> args) =>
        WebApplication.CreateSlimBuilder(["--hostBuilder:reloadConfigOnChange=false", .. args]);

    /// <summary>
    /// Adds all of it. Settings in the contracted forms (<c>--cpu-pool-size 8</c>, <c>WORKER_CPU_POOL_SIZE</c>) appear under their
    /// configuration keys (<c>Worker:CpuPoolSize</c>), command line over environment over files.
    /// </summary>
    /// <param name="builder">The host being built. Its own command line source is read: pass <c>args</c> to its creation.</param>
    /// <param name="component">The service's name in logs and traces: its app-id.</param>
    /// <param name="settings">Further settings that this service alone knows.</param>
    /// <exception cref="SettingsException">The command line has an option that nobody knows, or one without its value.</exception>
    public static TBuilder AddBeamline<TBuilder>(this TBuilder builder, string component, params IReadOnlyList<Setting> settings)
        where TBuilder : IHostApplicationBuilder
    {
        SettingsMapping.Apply(builder.Configuration, [.. Setting.Contracted, .. settings]);
        LoggingSetup.Apply(builder, component);

        var services = builder.Services;
        services.TryAddSingleton(TimeProvider.System);
        services.AddMetrics();
        services.AddSingleton(provider => new MetricRegistry(provider.GetRequiredService<System.Diagnostics.Metrics.IMeterFactory>()));
        services.AddSingleton<ProcessMetrics>();
        services.AddHostedService(provider => new PrometheusListener(builder.Configuration, provider.GetRequiredService<MetricRegistry>()));
        services.AddHostedService(_ => new OtlpExport(builder.Configuration, component));
        services.AddSingleton<IStartupFilter, ServerSpans>();

        services.AddOptions<CriticalErrorsOptions>()
            .BindConfiguration("Health:CriticalErrors")
            .Validate(options => options.Window > TimeSpan.Zero && options.MaxErrorLogs is > 0 and <= 100_000, "Health:CriticalErrors: Window must be positive, MaxErrorLogs from 1 to 100000")
            .ValidateOnStart();
        services.AddSingleton<CriticalErrors>();
        services.AddHealthChecks().AddCheck<CriticalErrors>("critical-errors");
        LoopbackGuard.Add(services);
        return builder;
    }

    /// <summary>Runs a service until a signal ends it. What keeps it from starting is said in one line on stderr.</summary>
    /// <returns>0 after an orderly end, <see cref="StartFailure.ExitCode"/> when it could not start.</returns>
    public static async Task<int> RunAsync(string component, Func<WebApplication> build)
    {
        WebApplication? app = null;
        try
        {
            app = build();
            // The host would check them too, and log what is wrong with its whole stack.
            app.Services.GetService<IStartupValidator>()?.Validate();
            await app.StartAsync();
        }
        catch (Exception failure) when (StartFailure.Describe(failure) is { } fault)
        {
            await (app?.DisposeAsync() ?? ValueTask.CompletedTask);
            await Console.Error.WriteLineAsync($"{component}: {fault}");
            return StartFailure.ExitCode;
        }

        await using (app)
        {
            await app.WaitForShutdownAsync();
            return Environment.ExitCode;
        }
    }

    /// <summary>Maps <c>/_health</c>, <c>/healthz</c> and <c>/metrics</c>, none of which needs a token.</summary>
    public static TEndpoints MapBeamline<TEndpoints>(this TEndpoints endpoints)
        where TEndpoints : IEndpointRouteBuilder
    {
        var services = endpoints.ServiceProvider;
        services.GetRequiredService<ProcessMetrics>();
        StartAnnouncement.Arm(services);
        HealthEndpoints.Map(endpoints);
        MetricsEndpoint.Map(endpoints, services.GetRequiredService<MetricRegistry>());
        return endpoints;
    }
}
