using Beamline.Sidecar.Apps;
using Beamline.Sidecar.Bus;
using Beamline.Sidecar.Components;
using Beamline.Sidecar.PubSub;
using Beamline.Sidecar.Resiliency;
using Beamline.Sidecar.Secrets;
using Beamline.Sidecar.State;
using Beamline.Sqlite;
using Microsoft.Data.Sqlite;

namespace Beamline.Sidecar;

/// <summary>
/// The part of Dapr that Beamline uses, for one machine: several apps share one bus, one set of components and one directory of
/// each other. For development, tests and small installs.
/// </summary>
public sealed partial class EmbeddedSidecar : IAsyncDisposable
{
    private readonly FileStream _lock;
    private readonly List<ComponentDocument> _documents;
    private readonly Dictionary<string, PubSubComponent> _pubSubs = [];
    private readonly Dictionary<string, IStateStore> _stateStores = [];
    private readonly Dictionary<string, SecretStore> _secretStores = [];
    private int _disposed;

    private EmbeddedSidecar(SidecarOptions options, ILoggerFactory loggers, FileStream directoryLock, List<string> faults)
    {
        (Options, Loggers, _lock) = (options, loggers, directoryLock);
        Directory = new AppDirectory(options.Random);
        Memory = new InMemoryBus(options, Faults);
        var folder = ComponentFolder.Read(options.ComponentsPath);
        _documents = folder.Components;
        faults.AddRange(folder.Faults);
        Policies = new PolicyRunner(ResiliencyPolicies.Read(folder, faults), options.Time);
        _documents.ForEach(component => OpenComponent(component, faults));
        Bus = OpenBus(faults)!;
    }

    /// <summary>Switches the bus and the state stores off or slow.</summary>
    public SidecarFaults Faults { get; } = new();

    internal SidecarOptions Options { get; }

    internal ILoggerFactory Loggers { get; }

    internal AppDirectory Directory { get; }

    internal BusStore Bus { get; }

    internal InMemoryBus Memory { get; }

    internal PolicyRunner Policies { get; }

    /// <summary>Opens the data directory and reads the components.</summary>
    /// <exception cref="SidecarConfigurationException">With every fault at once.</exception>
    public static async Task<EmbeddedSidecar> StartAsync(SidecarOptions options, ILoggerFactory loggers, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(loggers);
        cancellationToken.ThrowIfCancellationRequested();
        var directoryLock = LockDirectory(options);
        var faults = new List<string>();
        var sidecar = new EmbeddedSidecar(options, loggers, directoryLock, faults);
        if (faults.Count > 0)
        {
            await sidecar.DisposeAsync().ConfigureAwait(false);
            throw new SidecarConfigurationException(faults);
        }

        var engine = SqliteEngine.Load();
        SidecarStarted(loggers.CreateLogger<EmbeddedSidecar>(), options.DataDirectory, engine.Version, engine.Source, options.Synchronous);
        return sidecar;
    }

    /// <summary>
    /// Adds an app instance and starts its API. The app itself may come up later: the handshake is repeated until it answers
    /// (<see cref="SidecarApp.WaitReadyAsync"/> waits for that).
    /// </summary>
    /// <exception cref="SidecarConfigurationException">Its options are wrong.</exception>
    public async Task<SidecarApp> AddAppAsync(SidecarAppOptions app, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(app);
        ObjectDisposedException.ThrowIf(_disposed != 0, this);
        var faults = new List<string>();
        if (string.IsNullOrEmpty(app.AppId) || app.AppId.Contains('.', StringComparison.Ordinal))
        {
            faults.Add($"The app id '{app.AppId}' must not be empty or have a dot.");
        }

        if (app.AppHandler is not null && app.AppEndpoint is not null)
        {
            faults.Add($"App '{app.AppId}' has both a handler and an endpoint: give it one.");
        }

        var contents = new AppContents(
            Visible(_pubSubs, app.AppId), Visible(_stateStores, app.AppId), Visible(_secretStores, app.AppId),
            AppConfiguration.Read(app.ConfigPath, faults));
        if (faults.Count > 0)
        {
            throw new SidecarConfigurationException(faults);
        }

        var added = new SidecarApp(this, app, contents);
        await added.StartAsync(cancellationToken).ConfigureAwait(false);
        Directory.Add(added);
        return added;
    }

    /// <summary>Removes every app (draining it), then closes the bus and the stores.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 1)
        {
            return;
        }

        await Task.WhenAll(Directory.All.Select(app => app.RemoveAsync())).ConfigureAwait(false);
        if (Bus is not null)
        {
            await Bus.DisposeAsync().ConfigureAwait(false);
        }

        foreach (var store in _stateStores.Values)
        {
            await store.DisposeAsync().ConfigureAwait(false);
        }

        await _lock.DisposeAsync().ConfigureAwait(false);
    }

    // The lock goes with the process, however it ends.
    private static FileStream LockDirectory(SidecarOptions options)
    {
        try
        {
            System.IO.Directory.CreateDirectory(options.DataDirectory);
            return new FileStream(Path.Combine(options.DataDirectory, "sidecar.lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new SidecarConfigurationException([$"The data directory '{options.DataDirectory}' cannot be used (is another sidecar using it?): {failure.Message}"]);
        }
    }

    private BusStore? OpenBus(List<string> faults)
    {
        try
        {
            return BusStore.Open(Options, Faults, Loggers.CreateLogger<BusStore>());
        }
        catch (SqliteException failure)
        {
            faults.Add($"The bus in '{Options.DataDirectory}' cannot be opened: {failure.Message}");
            return null;
        }
    }

    private void OpenComponent(ComponentDocument component, List<string> faults)
    {
        var own = new List<string>();
        switch (component.Type)
        {
            case "pubsub.jetstream" or "pubsub.in-memory":
                _pubSubs[component.Name] = PubSubComponent.Open(component, Options, own);
                break;
            case "state.sqlite" when SqliteStateStore.Open(component, Options, own) is { } store:
                _stateStores[component.Name] = store;
                break;
            case "state.in-memory":
                _stateStores[component.Name] = InMemoryStateStore.Open(component, Options.Time, own);
                break;
            case "secretstores.local.file" or "secretstores.local.env" when SecretStore.Open(component, own) is { } secrets:
                _secretStores[component.Name] = secrets;
                break;
            case "state.sqlite" or "secretstores.local.file" or "secretstores.local.env":
                break; // Not opened: its faults say why.
            default:
                own.Add($"{Path.GetFileName(component.File)}: the embedded sidecar does not support components of type '{component.Type}' ('{component.Name}').");
                break;
        }

        faults.AddRange(own);
    }

    private Dictionary<string, T> Visible<T>(Dictionary<string, T> components, string appId) => components
        .Where(pair => _documents.First(document => document.Name == pair.Key).VisibleTo(appId))
        .ToDictionary(pair => pair.Key, pair => pair.Value, StringComparer.Ordinal);
}
