using System.Globalization;
using Beamline.TestKit;
using Beamline.TestKit.Outside;
using Beamline.TestKit.Processes;

namespace Beamline.EndToEnd.Tests;

/// <summary>
/// Six processes, a Router on the bus and a witness outside, started once for all tests of the collection: starting costs more
/// than most tests. Whatever a test kills, the next one finds running; each uses ids of its own.
/// </summary>
public sealed class SharedPlatform : IAsyncLifetime
{
    private readonly TemporaryFolder _folder = new();

    /// <summary>May have <see cref="SmallQuota"/> tasks waiting.</summary>
    public const string SmallTenant = "small";
    public const int SmallQuota = 3;

    /// <summary>A <c>concurrency_key</c> of which <c>left</c> and <c>right</c> may run one task each.</summary>
    public const string OneAtATime = "one-at-a-time";

    public PlatformProcesses Processes { get; private set; } = null!;

    /// <summary>Below it a folder for each tenant that has files.</summary>
    public string FilesRoot => _folder.File("files");

    public RouterApp Router { get; private set; } = null!;

    public Witness Witness { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Witness = await Witness.StartAsync();
        Router = await RouterApp.StartAsync();
        var components = Directory.CreateDirectory(_folder.File("components")).FullName;
        RouterApp.WriteComponents(components);
        Processes = await PlatformProcesses.StartAsync(new PlatformProcessesOptions
        {
            DataDirectory = _folder.Path,
            ComponentsPath = components,
            ExtraApps = new Dictionary<string, int> { [RouterApp.AppId] = Router.Port },
            Settings = new Dictionary<string, string?>
            {
                ["Http:Egress:Allow:0"] = "127.0.0.1",
                ["Http:TraceHeaders"] = "true",
                [$"Tenants:Overrides:{SmallTenant}:MaxQueued"] = SmallQuota.ToString(CultureInfo.InvariantCulture),
                ["Tenants:Overrides:left:Keys:0:Key"] = OneAtATime,
                ["Tenants:Overrides:left:Keys:0:MaxRunning"] = "1",
                ["Tenants:Overrides:right:Keys:0:Key"] = OneAtATime,
                ["Tenants:Overrides:right:Keys:0:MaxRunning"] = "1",
            },
        });
    }

    /// <summary>Every process runs, and neither bus nor state store is away, whatever the test before left behind.</summary>
    public async Task RestoreAsync()
    {
        await Processes.StartMissingAsync();
        await SetFaultAsync("bus", "up");
        await SetFaultAsync("state", "up");
    }

    /// <summary>The sidecar's switch: <c>bus</c> or <c>state</c>; <c>up</c>, <c>away</c> or <c>slow</c>.</summary>
    public Task SetFaultAsync(string what, string mode, TimeSpan delay = default) => Processes.SetFaultAsync(what, mode, delay);

    public async ValueTask DisposeAsync()
    {
        await Processes.DisposeAsync();
        await Router.DisposeAsync();
        await Witness.DisposeAsync();
        _folder.Dispose();
    }
}

/// <summary>One test at a time: each may kill what the others need.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class PlatformGroup : ICollectionFixture<SharedPlatform>
{
    public const string Name = "six processes";
}
