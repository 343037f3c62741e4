using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Configuration.Memory;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Serilog;
using Serilog.Extensions.Logging;

namespace Beamline.Observability;

/// <summary>Where log lines go; replaced by tests.</summary>
internal sealed record LogOutput(Stream Stream);

/// <summary>The contract's log lines for a process that has no host.</summary>
public static class BeamlineLogging
{
    /// <summary>JSON lines from level INFO up. Disposing the factory writes what is queued.</summary>
    /// <param name="component">The process's name in its lines.</param>
    /// <param name="output">Where they go: stderr where stdout has a meaning of its own.</param>
    public static ILoggerFactory CreateFactory(string component, Stream output)
    {
        var logger = new LoggerConfiguration().WriteTo.Sink(new JsonLogSink(new JsonLogFormatter(component), output, TimeProvider.System));
        return new SerilogLoggerFactory(logger.CreateLogger(), dispose: true);
    }
}

internal static class LoggingSetup
{
    /// <summary>
    /// Logs as JSON lines to stdout. Levels come from <c>Logging:LogLevel:*</c>; <c>Logging:Console=false</c> mutes all.
    /// </summary>
    public static void Apply(IHostApplicationBuilder builder, string component)
    {
        // Behind every other source, so that any configuration of them wins.
        builder.Configuration.Sources.Insert(0, new MemoryConfigurationSource
        {
            InitialData = new Dictionary<string, string?>
            {
                ["Logging:LogLevel:Microsoft.AspNetCore"] = nameof(LogLevel.Warning),
                ["Logging:LogLevel:Microsoft.Hosting.Lifetime"] = nameof(LogLevel.Warning),
                // It logs every failed check as an error, with each probe: the count of errors would keep itself up.
                ["Logging:LogLevel:Microsoft.Extensions.Diagnostics.HealthChecks"] = nameof(LogLevel.None),
                ["Logging:LogLevel:System.Net.Http"] = nameof(LogLevel.Warning),
            },
        });
        builder.Logging.ClearProviders();
        builder.Logging.AddConfiguration(builder.Configuration.GetSection("Logging"));
        builder.Services.AddSingleton<ILoggerProvider>(provider => Provider(provider, component, builder.Configuration.GetValue("Logging:Console", true)));
    }

    private static SerilogLoggerProvider Provider(IServiceProvider services, string component, bool console)
    {
        var time = services.GetRequiredService<TimeProvider>();
        var logger = new LoggerConfiguration().MinimumLevel.Verbose().WriteTo.Sink(services.GetRequiredService<CriticalErrors>());
        if (console)
        {
            var output = services.GetService<LogOutput>()?.Stream ?? Console.OpenStandardOutput();
            logger.WriteTo.Sink(new JsonLogSink(new JsonLogFormatter(component), output, time));
        }

        return new SerilogLoggerProvider(logger.CreateLogger(), dispose: true);
    }
}
