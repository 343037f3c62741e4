using Beamline.Contracts;
using Beamline.Contracts.Json;
using Beamline.ExecutorHost.Blocks;
using Beamline.ExecutorHost.Draining;
using Beamline.ExecutorHost.Exchange;
using Beamline.ExecutorHost.Health;
using Beamline.ExecutorHost.Heartbeats;
using Beamline.ExecutorHost.Leases;
using Beamline.ExecutorHost.Running;
using Beamline.Observability;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace Beamline.ExecutorHost;

/// <summary>The one registration of an executor, whatever its pool.</summary>
public static class ExecutorServices
{
    /// <summary>
    /// Adds everything that an executor of <paramref name="pool"/> (<c>cpu</c>, <c>io</c>, <c>gpu</c>) needs beside the Dapr client and
    /// observability. Settings: section <c>Worker</c> (<see cref="WorkerOptions"/>).
    /// </summary>
    public static IServiceCollection AddExecutor(
        this IServiceCollection services, string pool, IConfiguration configuration, Action<BlockRegistration> blocks)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        ArgumentNullException.ThrowIfNull(blocks);
        if (pool is not (Pools.Cpu or Pools.Io or Pools.Gpu))
        {
            throw new ArgumentException($"There is no pool \"{pool}\"; there are cpu, io and gpu.", nameof(pool));
        }

        blocks(new BlockRegistration(services));
        AddOptions(services, configuration);
        services.AddSingleton<BlockRegistry>();
        services.AddSingleton(provider => WorkerIdentity.Of(
            pool, provider.GetRequiredService<WorkerOptions>(), provider.GetRequiredService<BlockRegistry>()));
        services.AddSingleton<LeaseBook>();
        services.AddSingleton<ExecutorMetrics>();
        AddRunning(services);
        services.TryAddSingleton<ISchedulerLink, DaprSchedulerLink>();
        services.AddSingleton<SchedulerContact>();
        services.AddSingleton<ExchangePace>();
        services.AddSingleton<ChannelPair>();
        services.AddSingleton<HeartbeatSource>();
        services.AddSingleton<HeartbeatPublisher>();
        services.AddSingleton<DrainClock>();
        services.AddHostedService<ExecutorLifetime>();
        services.AddHealthChecks()
            .AddCheck<WorkerHealth>("worker")
            .AddCheck<WorkerAlive>("worker-slots", tags: [HealthEndpoints.LiveTag]);
        return services;
    }

    /// <summary>Maps <c>GET /worker</c>: the heartbeat of this moment, for people.</summary>
    public static TEndpoints MapExecutor<TEndpoints>(this TEndpoints endpoints)
        where TEndpoints : IEndpointRouteBuilder
    {
        endpoints.MapGet("/worker", context => context.Response.WriteAsJsonAsync(
            context.RequestServices.GetRequiredService<HeartbeatSource>().Read(),
            BeamlineJson.Default.WorkerHeartbeat,
            cancellationToken: context.RequestAborted));
        return endpoints;
    }

    private static void AddRunning(IServiceCollection services)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton(_ => new Jitter(new Random()));
        services.AddSingleton<RetryPolicy>();
        services.AddSingleton<StepRequests>();
        services.AddSingleton<StepLimits>();
        services.AddSingleton<StepRunner>();
        services.AddSingleton<SlotPool>();
    }

    private static void AddOptions(IServiceCollection services, IConfiguration configuration)
    {
        services.AddOptions<WorkerOptions>().Bind(configuration.GetSection(WorkerOptions.Section)).ValidateOnStart();
        services.AddSingleton<IValidateOptions<WorkerOptions>, WorkerOptionsCheck>();
        services.AddSingleton(provider => provider.GetRequiredService<IOptions<WorkerOptions>>().Value);
        services.AddOptions<HostOptions>().Configure<WorkerOptions>((host, worker) =>
        {
            var longest = DrainClock.LongestDrain(worker) + TimeSpan.FromSeconds(1);
            host.ShutdownTimeout = host.ShutdownTimeout > longest ? host.ShutdownTimeout : longest;
        });
    }

    private sealed class WorkerOptionsCheck : IValidateOptions<WorkerOptions>
    {
        public ValidateOptionsResult Validate(string? name, WorkerOptions options) =>
            options.Faults().ToArray() is { Length: > 0 } faults ? ValidateOptionsResult.Fail(faults) : ValidateOptionsResult.Success;
    }
}
