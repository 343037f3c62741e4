using System.Collections.Concurrent;
using System.Globalization;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text.Json.Nodes;

namespace Beamline.TestKit.Processes;

/// <summary>How to start the platform as processes.</summary>
public sealed record PlatformProcessesOptions
{
    /// <summary>Ledger, bus, state and files go here, and stay when processes are killed and started again.</summary>
    public required string DataDirectory { get; init; }

    /// <summary>Configuration for every service, by configuration key.</summary>
    public IReadOnlyDictionary<string, string?> Settings { get; init; } = new Dictionary<string, string?>();

    /// <summary>The folder of Dapr components; null: the ones that come with Beamline.</summary>
    public string? ComponentsPath { get; init; }

    /// <summary>Apps of the test itself beside the sidecar, by app-id with the port they listen on.</summary>
    public IReadOnlyDictionary<string, int> ExtraApps { get; init; } = new Dictionary<string, int>();
}

/// <summary>How one of the processes is started, where it differs from the others.</summary>
public sealed record ProcessStart
{
    /// <summary>Where the process is to kill itself: <c>scheduler.before-commit</c>, or with a count <c>…:20</c>.</summary>
    public string? Failpoint { get; init; }

    /// <summary>Another program in the service's place, built beside the test.</summary>
    public string? Project { get; init; }

    /// <summary>A bound of the operating system's for the process, as <c>prlimit</c> takes it: <c>--nofile=64</c>.</summary>
    public string? Limit { get; init; }

    /// <summary>Configuration above that of all services, by configuration key.</summary>
    public IReadOnlyDictionary<string, string?> Settings { get; init; } = new Dictionary<string, string?>();
}

/// <summary>
/// The five services and the embedded sidecar as six processes on the loopback, each of which can be killed, started
/// again, and told to die at a named point. Ports and tokens are of this instance's own.
/// </summary>
public sealed class PlatformProcesses : IAsyncDisposable
{
    public const string Sidecar = "sidecar";

    private static readonly TimeSpan StartTime = TimeSpan.FromSeconds(60);

    // The scheduler before who leases from it, the gateway last.
    private static readonly (string Name, string Project)[] Services =
    [
        ("scheduler", "Scheduler"), ("cpu-executor", "CpuExecutor"), ("io-executor", "IoExecutor"), ("gpu-executor", "GpuExecutor"), ("gateway", "Gateway"),
    ];

    private readonly PlatformProcessesOptions _options;
    private readonly Dictionary<string, (int App, int Dapr)> _ports = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, ServiceProcess> _running = new(StringComparer.Ordinal);
    private readonly string _apiToken = NewToken();
    private readonly string _appToken = NewToken();

    // CPU of processes that were killed, so that a sum over time does not fall.
    private long _spentTicks;

    private PlatformProcesses(PlatformProcessesOptions options)
    {
        _options = options;
        var ports = FreePorts.Take(Services.Length * 2);
        for (var i = 0; i < Services.Length; i++)
        {
            _ports[Services[i].Name] = (ports[2 * i], ports[(2 * i) + 1]);
        }

        foreach (var (name, appPort) in options.ExtraApps)
        {
            _ports[name] = (appPort, FreePorts.Take(1)[0]);
        }
    }

    public Uri Gateway => AddressOf("gateway");

    /// <summary>Where a service itself listens.</summary>
    public Uri AddressOf(string service) => new($"http://127.0.0.1:{_ports[service].App}");

    /// <summary>Processes of the platform.</summary>
    public static int Count => Services.Length + 1;

    /// <summary>Where a build leaves <c>components/local</c>.</summary>
    public static string ShippedComponents => Path.Combine(AppContext.BaseDirectory, "components");

    /// <summary>CPU of all processes so far, dead ones included.</summary>
    public TimeSpan CpuTime => TimeSpan.FromTicks(Interlocked.Read(ref _spentTicks)) + _running.Values.Where(process => !process.HasExited).Aggregate(TimeSpan.Zero, (sum, process) => sum + process.CpuTime);

    public ServiceProcess this[string name] => _running[name];

    /// <summary>The token that an app sends to its sidecar.</summary>
    public string ApiToken => _apiToken;

    /// <summary>The address of a service's own sidecar endpoint.</summary>
    public Uri SidecarOf(string service) => new($"http://127.0.0.1:{_ports[service].Dapr}");

    public static async Task<PlatformProcesses> StartAsync(PlatformProcessesOptions options)
    {
        var platform = new PlatformProcesses(options);
        try
        {
            await platform.StartAsync(Sidecar);
            await Task.WhenAll(Services.Select(service => platform.StartAsync(service.Name)));
            return platform;
        }
        catch
        {
            await platform.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts one process and waits until it serves.</summary>
    /// <param name="name">A service's app-id, or <see cref="Sidecar"/>.</param>
    /// <param name="failpoint">Where the process is to kill itself: <c>scheduler.before-commit</c>, or with a count <c>…:20</c>.</param>
    public Task StartAsync(string name, string? failpoint = null) => StartAsync(name, new ProcessStart { Failpoint = failpoint });

    /// <inheritdoc cref="StartAsync(string, string?)"/>
    public async Task StartAsync(string name, ProcessStart start)
    {
        _running.TryGetValue(name, out var before);
        var process = name == Sidecar ? StartSidecar(start) : StartService(name, start);
        _running[name] = process;
        if (before is not null)
        {
            await before.DisposeAsync();
        }

        await process.WaitForLineAsync(name == Sidecar ? "ready" : "Service started, listening on", StartTime);
    }

    /// <summary>Starts again whatever has died.</summary>
    public async Task StartMissingAsync()
    {
        foreach (var name in (string[])[Sidecar, .. Services.Select(service => service.Name)])
        {
            if (!_running.TryGetValue(name, out var process) || process.HasExited)
            {
                await StartAsync(name);
            }
        }
    }

    /// <summary>The sidecar's switch: <c>bus</c> or <c>state</c>; <c>up</c>, <c>away</c>, or <c>slow</c> by a delay for each operation.</summary>
    public async Task SetFaultAsync(string what, string mode, TimeSpan delay = default)
    {
        using var http = new HttpClient { BaseAddress = SidecarOf("gateway") };
        http.DefaultRequestHeaders.Add("dapr-api-token", ApiToken);
        using var answer = await http.PutAsJsonAsync($"/beamline/faults/{what}", new JsonObject { ["mode"] = mode, ["delay_ms"] = (int)delay.TotalMilliseconds });
        answer.EnsureSuccessStatusCode();
    }

    /// <summary>SIGKILL, and waits until it is gone; nothing where it is gone already.</summary>
    public async Task KillAsync(string name)
    {
        var process = _running[name];
        if (process.HasExited)
        {
            return;
        }

        Interlocked.Add(ref _spentTicks, process.CpuTime.Ticks);
        process.Kill();
        await process.WaitForExitAsync(TimeSpan.FromSeconds(10));
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var process in _running.Values)
        {
            await process.DisposeAsync();
        }
    }

    private ServiceProcess StartSidecar(ProcessStart start)
    {
        var arguments = new List<string>
        {
            "--data", Path.Combine(_options.DataDirectory, "sidecar"), "--components", _options.ComponentsPath ?? ShippedComponents, "--fault-route", "on",
        };
        foreach (var (name, (app, dapr)) in _ports)
        {
            arguments.AddRange(["--app", $"{name}={dapr}:{app}"]);
        }

        return Start(Sidecar, start, "Sidecar", arguments, Environment(start.Failpoint));
    }

    private ServiceProcess StartService(string name, ProcessStart start)
    {
        var environment = Environment(start.Failpoint);
        environment["DAPR_HTTP_PORT"] = _ports[name].Dapr.ToString(CultureInfo.InvariantCulture);
        environment["Ledger__Folder"] = Path.Combine(_options.DataDirectory, "scheduler");
        environment["Fs__Root"] = Path.Combine(_options.DataDirectory, "files");
        environment["Worker__Id"] = name + "-1";
        environment["Logging__LogLevel__Beamline.Start"] = "Information"; // the line that StartAsync waits for
        foreach (var (key, value) in _options.Settings.Concat(start.Settings))
        {
            environment[key.Replace(":", "__", StringComparison.Ordinal)] = value;
        }

        return Start(name, start, Services.Single(service => service.Name == name).Project, ["--urls", $"http://127.0.0.1:{_ports[name].App}"], environment);
    }

    private static ServiceProcess Start(string name, ProcessStart start, string project, IReadOnlyList<string> arguments, Dictionary<string, string?> environment)
    {
        var executable = Executable(start.Project ?? project);
        return start.Limit is { } limit
            ? ServiceProcess.Start(name, "prlimit", [limit, executable, .. arguments], environment)
            : ServiceProcess.Start(name, executable, arguments, environment);
    }

    private Dictionary<string, string?> Environment(string? failpoint) => new(StringComparer.Ordinal)
    {
        ["DAPR_API_TOKEN"] = _apiToken,
        ["APP_API_TOKEN"] = _appToken,
        ["BEAMLINE_FAILPOINT"] = failpoint,
    };

    /// <summary>A service as built beside the running test: <c>artifacts/bin/PROJECT/CONFIGURATION/Beamline.PROJECT</c>.</summary>
    public static string Executable(string project)
    {
        var here = new DirectoryInfo(AppContext.BaseDirectory);
        return Path.Combine(here.Parent!.Parent!.FullName, project, here.Name, "Beamline." + project);
    }

    private static string NewToken() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(24));
}
