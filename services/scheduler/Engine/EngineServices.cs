using Beamline.Scheduler.Core;
using Beamline.Scheduler.Core.Tenants;
using Beamline.Scheduler.Identity;
using Beamline.Scheduler.Ledger;
using Microsoft.Extensions.Options;

namespace Beamline.Scheduler.Engine;

/// <summary>The engine and its ledger in a host. Asking for either opens the ledger: a second scheduler fails right there.</summary>
internal static class EngineServices
{
    /// <remarks>Wants an <see cref="IdentityLookup"/> and any number of <see cref="ICommitListener"/>s beside it.</remarks>
    public static IServiceCollection AddEngine(this IServiceCollection services)
    {
        services.AddOptions<LedgerOptions>().BindConfiguration("Ledger")
            .Validate(o => o.Folder.Length > 0 && Enum.IsDefined(o.Synchronous) && o.RetryPause > TimeSpan.Zero && o.MaxPages >= 0,
                "Ledger: Folder must be set, Synchronous be Full or Normal, RetryPause positive, MaxPages 0 or more.")
            .ValidateOnStart();
        services.AddOptions<EngineOptions>().BindConfiguration("Engine")
            .Configure<IConfiguration>((o, configuration) => o.EmitOutputs = configuration.GetValue("Contract:EmitOutputs", o.EmitOutputs))
            .Validate(o => o.AdmitWithin > TimeSpan.Zero && o.TickEvery > TimeSpan.Zero, "Engine: AdmitWithin and TickEvery must be positive.")
            .ValidateOnStart();
        services.AddOptions<SchedulingOptions>().BindConfiguration("Scheduling")
            .Validate(o => o.LeaseTerm >= TimeSpan.FromSeconds(3) && o.HoldTime > TimeSpan.Zero && o.HoldTime < o.LeaseTerm,
                "Scheduling: LeaseTerm must be at least 3 s, HoldTime positive and shorter than LeaseTerm.")
            .Validate(o => o is { MaxDeliveries: > 0, MaxOpenTasks: > 0, MaxOpenBytes: > 0, MaxOutboxRows: > 0, MaxWorkers: > 0, MaxRememberedCancels: > 0, SkipsBeforeReservation: > 0 },
                "Scheduling: every Max… must be positive.")
            .Validate(o => o.AgeingStep > TimeSpan.Zero && o.OverrunGrace >= TimeSpan.Zero && o.RememberCancels > TimeSpan.Zero && o.ForgetWorkerAfter >= o.LeaseTerm,
                "Scheduling: AgeingStep and RememberCancels must be positive, OverrunGrace not negative, ForgetWorkerAfter no shorter than LeaseTerm.")
            .ValidateOnStart();

        services.AddOptions<TenantsOptions>().BindConfiguration(TenantsOptions.Section).ValidateOnStart();
        services.AddSingleton<IValidateOptions<TenantsOptions>, TenantsValidation>();

        services.AddSingleton(provider => LedgerStore.Open(provider.GetRequiredService<IOptions<LedgerOptions>>().Value));
        services.AddSingleton(provider => SchedulingEngine.Start(
            provider.GetRequiredService<LedgerStore>(),
            provider.GetRequiredService<IdentityLookup>(),
            provider.GetServices<ICommitListener>(),
            provider.GetRequiredService<IOptions<SchedulingOptions>>().Value,
            provider.GetRequiredService<IOptions<TenantsOptions>>().Value,
            provider.GetRequiredService<IOptions<EngineOptions>>().Value,
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILogger<SchedulingEngine>>(),
            provider.GetRequiredService<SchedulerMetrics>()));
        services.AddSingleton<SchedulerMetrics>();
        services.AddHealthChecks().AddCheck<LedgerHealth>("ledger");
        services.AddHostedService<EngineHost>();
        return services;
    }
}

/// <summary>
/// Brings the engine up with the host, before its port is open; answers every held call first when it goes down; ends the
/// process when the engine can commit no more.
/// </summary>
internal sealed class EngineHost(SchedulingEngine engine, IHostApplicationLifetime lifetime) : IHostedService
{
    private CancellationTokenRegistration _stopping;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _stopping = lifetime.ApplicationStopping.Register(engine.ReleaseHeld);
        _ = engine.Completion.ContinueWith(
            _ => lifetime.StopApplication(), CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken)
    {
        _stopping.Dispose();
        return Task.CompletedTask;
    }
}
