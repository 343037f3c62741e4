using Beamline.Contracts;
using Beamline.Contracts.Tasks;
using Beamline.DaprAccess;
using Beamline.Scheduler.Admission;
using Beamline.Scheduler.Approvals;
using Beamline.Scheduler.Engine;
using Beamline.Scheduler.Events;
using Beamline.Scheduler.Exchange;
using Beamline.Scheduler.Identity;
using Beamline.Scheduler.Intake;
using Beamline.Scheduler.Lanes;
using Beamline.Scheduler.Ledger;
using Beamline.Scheduler.Outbox;
using Beamline.Scheduler.Reading;
using Beamline.Scheduler.Replaying;
using Beamline.Scheduler.Retention;
using Beamline.Scheduler.Watching;

namespace Beamline.Scheduler;

/// <summary>The scheduler in a host. Wants a <see cref="DaprClient"/> beside it.</summary>
public static class SchedulerServices
{
    public static IServiceCollection AddScheduler(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddSingleton(provider => provider.GetRequiredService<LedgerStore>().Reader);
        services.AddEngine();
        services.AddOutbox(configuration);
        services.AddEvents(configuration);
        services.AddIdentity(configuration);
        services.AddWatchingAndReading(configuration);
        services.AddIntake(configuration);
        services.AddRetention(configuration);
        services.AddReplaying(configuration);
        return services;
    }

    public static void MapScheduler(this IEndpointRouteBuilder endpoints)
    {
        endpoints.MapAdmit();
        endpoints.MapExchange();
        endpoints.MapReading();
        endpoints.MapApprovals();
        endpoints.MapReplaying();
        endpoints.MapWatching();
        endpoints.MapIntake();
        endpoints.MapDaprSubscriptions();
    }

    // The publishers listen to the engine's commits and call the engine: what they need of it is looked up when it is used.
    private static void AddOutbox(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddLane(configuration, OutboxPublisher.Section);
        services.AddSingleton<BusPublisher>();
        services.AddSingleton<TopicPublisher>();
        services.AddSingleton(provider => new OutboxStore(
            (kind, after, ct) => provider.GetRequiredService<LedgerReader>().OutboxAfterAsync(kind, after, ct),
            (ids, ct) => provider.GetRequiredService<SchedulingEngine>().MarkPublishedAsync(ids, ct)));
        services.AddListeningService<OutboxPublisher>();
        services.AddHealthChecks().AddCheck<BusHealth>("bus");
    }

    private static void AddEvents(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddOptions<EventOptions>().Bind(configuration.GetSection(EventOptions.Section))
            .Validate(o => o.GatherFor >= TimeSpan.Zero && o.SaveCursorEvery > TimeSpan.Zero && o is { PackEvents: > 0 and <= 1_000, PackBytes: > 0, BufferedEvents: > 0, GiveUpAfter: > 0 },
                "Events: GatherFor must not be negative, SaveCursorEvery, PackBytes, BufferedEvents and GiveUpAfter positive, PackEvents 1 to 1000.")
            .Validate(o => o.PackBytes <= 512 * 1024, "Events: PackBytes must be at most 512 KiB, so that a message fits the bus.")
            .ValidateOnStart();
        services.AddSingleton(provider => new EventStore(
            ct => provider.GetRequiredService<LedgerReader>().EventCursorAsync(ct),
            (cursor, ct) => provider.GetRequiredService<LedgerStore>().SaveEventCursorAsync(cursor, ct),
            (after, ct) => provider.GetRequiredService<LedgerReader>().EventsAfterAsync(after, ct)));
        services.AddListeningService<EventPublisher>();
    }

    private static void AddIdentity(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddOptions<IdentityOptions>().Bind(configuration.GetSection(IdentityOptions.Section))
            .Validate(o => o.WhenStateAway is IdentityOptions.Refuse or IdentityOptions.LedgerOnly, "Identity:WhenStateAway must be refuse or ledger-only.")
            .Validate(o => o.LookupTimeout > TimeSpan.Zero && o.RememberFor >= TimeSpan.FromMinutes(1) && o is { LookupKeys: > 0, InlineResultBytes: >= 0 },
                "Identity: LookupTimeout and LookupKeys must be positive, RememberFor at least a minute, InlineResultBytes not negative.")
            .ValidateOnStart();
        services.AddLane(configuration, IdentityOptions.WritingSection, lane =>
        {
            // Nobody waits for a key, and each transaction waits for the same disk as the ledger's commits.
            lane.Gather = TimeSpan.FromMilliseconds(100);
            lane.BatchRows = 1_000;
        });
        services.AddSingleton<IdentityKeys>();
        services.AddSingleton<IdentityLookup>(provider => provider.GetRequiredService<IdentityKeys>().LookupAsync);
        services.AddSingleton<KeyStore>();
        services.AddSingleton(provider => new DueKeyStore(
            (after, ct) => provider.GetRequiredService<LedgerReader>().KeysDueAfterAsync(after, ct),
            (ids, ct) => provider.GetRequiredService<LedgerStore>().ConfirmKeysAsync(ids, ct)));
        services.AddListeningService<KeyWriter>();
    }

    private static void AddWatchingAndReading(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddOptions<WatchOptions>().Bind(configuration.GetSection(WatchOptions.Section))
            .Validate(o => o.ForgetAfter > TimeSpan.Zero && o.KeepAlive > TimeSpan.Zero
                && o is { Watchers: > 0, BufferedResults: > 0, BufferedBytes: > 0, AwaitedTasks: > 0, KeysPerCall: > 0, LineBytes: > 0, HeldCalls: >= 0 },
                "Watching: every bound and time must be positive.")
            .ValidateOnStart();
        services.AddOptions<DeadLetterOptions>().Bind(configuration.GetSection(DeadLetterOptions.Section))
            .Validate(o => o.OperatorTenant is null || TenantId.IsValid(o.OperatorTenant), "DeadLetters:OperatorTenant must be a tenant id, 1 to 64 characters of A-Z a-z 0-9 _ -.")
            .ValidateOnStart();
        services.AddSingleton<WatchHub>();
        services.AddSingleton<ICommitListener>(provider => provider.GetRequiredService<WatchHub>());
        services.AddSingleton<EventWaiters>();
        services.AddSingleton<ICommitListener>(provider => provider.GetRequiredService<EventWaiters>());
        services.AddSingleton<TaskWaiting>();
        services.AddSingleton<TaskReader>();
        services.AddSingleton<ApprovalDecisions>();
        services.AddHostedService<HeldCallsHost>();
    }

    private static void AddIntake(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddOptions<IntakeOptions>().Bind(configuration.GetSection(IntakeOptions.Section))
            .Validate(o => o.Lanes is >= 0 and <= 99, "Intake:Lanes must be 0 to 99.")
            .ValidateOnStart();
        services.AddSingleton(provider =>
        {
            var engine = provider.GetRequiredService<SchedulingEngine>();
            return new BusIntake(
                engine.AdmitAsync,
                engine.CancelAsync,
                provider.GetRequiredService<ApprovalDecisions>().DecideAsync,
                provider.GetRequiredService<ILogger<BusIntake>>());
        });
    }

    private static void AddRetention(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddOptions<RetentionOptions>().Bind(configuration.GetSection(RetentionOptions.Section))
            .Validate(o => o.KeepAtLeast >= TimeSpan.Zero && o.FinishedTasks > TimeSpan.Zero && o.DeadLetters > TimeSpan.Zero && o.Every > TimeSpan.Zero
                && o is { MaxTasks: > 0, MaxBytes: > 0, MaxDeadLetters: > 0, MaxDeadLetterBytes: > 0, Batch: > 0 },
                "Retention: every bound and time must be positive (KeepAtLeast may be zero).")
            .ValidateOnStart();
        services.AddSingleton<PurgeTasks>(provider => (before, limit, ct) => provider.GetRequiredService<SchedulingEngine>().PurgeAsync(before, limit, ct));
        services.AddHostedService<RetentionLoop>();
    }

    private static void AddReplaying(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddOptions<ReplayOptions>().Bind(configuration.GetSection(ReplayOptions.Section))
            .Validate(o => o.DefaultRate >= 0.01 && o.MaxRate >= o.DefaultRate && o.MaxRate <= 100_000,
                "Replay: DefaultRate must be at least 0.01, MaxRate no lower and at most 100000.")
            .Validate(o => o is { DefaultLetters: > 0, MaxReplays: > 0, MaxAliases: >= 0, MaxWaiting: > 0, MaxWaitingPerTenant: > 0 } && o.MaxLetters >= o.DefaultLetters && o.Every > TimeSpan.Zero,
                "Replay: every bound and time must be positive (MaxAliases may be zero), MaxLetters no lower than DefaultLetters.")
            .ValidateOnStart();
        services.AddSingleton<ReplaySteps>(provider => (sources, ct) => provider.GetRequiredService<SchedulingEngine>().ReplayAsync(sources, ct));
        services.AddSingleton<ReplayLoop>();
        services.AddHostedService(provider => provider.GetRequiredService<ReplayLoop>());
        services.AddSingleton<ReplayRequests>();
    }

    private static void AddLane(this IServiceCollection services, IConfiguration configuration, string section, Action<LaneOptions>? defaults = null) =>
        services.AddOptions<LaneOptions>(section).Configure(defaults ?? (_ => { })).Bind(configuration.GetSection(section))
            .Validate(o => o is { BatchRows: > 0, BatchBytes: > 0 and <= 2_000_000, BufferedRows: > 0, BufferedBytes: > 0, ParkedRows: > 0 },
                $"{section}: BatchRows, BufferedRows, BufferedBytes and ParkedRows must be positive, BatchBytes at most 2000000.")
            .Validate(o => o.FirstRetry > TimeSpan.Zero && o.LongestRetry >= o.FirstRetry && o.FirstPark > TimeSpan.Zero && o.LongestPark >= o.FirstPark && o.Gather >= TimeSpan.Zero && o.GatherFinished >= TimeSpan.Zero,
                $"{section}: pauses must be positive, the longest no shorter than the first.")
            .ValidateOnStart();

    private static void AddListeningService<T>(this IServiceCollection services)
        where T : class, IHostedService, ICommitListener
    {
        services.AddSingleton<T>();
        services.AddSingleton<ICommitListener>(provider => provider.GetRequiredService<T>());
        services.AddHostedService(provider => provider.GetRequiredService<T>());
    }
}
