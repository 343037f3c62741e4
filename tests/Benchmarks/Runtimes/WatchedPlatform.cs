using System.Collections.Concurrent;
using System.Globalization;
using Beamline.TestKit.Outside;
using Beamline.TestKit.Processes;

namespace Beamline.Benchmarks.Runtimes;

/// <summary>Six processes and a Router on the bus that notes how every task ended: what was accepted can be held against it.</summary>
internal sealed class WatchedPlatform : IAsyncDisposable
{
    private static readonly TimeSpan StartPatience = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(100);
    private readonly ConcurrentDictionary<string, string> _ended;
    private readonly ConcurrentDictionary<string, string> _rejected;
    private readonly RouterApp _router;

    private WatchedPlatform(RouterApp router, PlatformProcesses processes, ConcurrentDictionary<string, string> ended, ConcurrentDictionary<string, string> rejected)
    {
        _rejected = rejected;
        _router = router;
        _ended = ended;
        Processes = processes;
        Http = new HttpClient(new SocketsHttpHandler { PooledConnectionIdleTimeout = TimeSpan.FromMinutes(2) }) { BaseAddress = processes.Gateway, Timeout = TimeSpan.FromSeconds(90) };
    }

    public PlatformProcesses Processes { get; }

    /// <summary>The gateway.</summary>
    public HttpClient Http { get; }

    /// <summary>What a gateway put on the bus because no scheduler answered, and the scheduler then rejected there: told in an ack, no result is owed.</summary>
    public int RejectedOverBus => _rejected.Count;

    /// <summary>Tasks by their final status.</summary>
    public IReadOnlyDictionary<string, int> Statuses => _ended.Values.CountBy(status => status).ToDictionary();

    public static async Task<WatchedPlatform> StartAsync(string data, IReadOnlyDictionary<string, string?> settings)
    {
        var ended = new ConcurrentDictionary<string, string>(StringComparer.Ordinal);
        var rejected = new ConcurrentDictionary<string, string>(StringComparer.Ordinal);
        var router = await RouterApp.StartAsync((topic, _, message) =>
        {
            if (topic == RouterApp.Acks && message["status"]!.GetValue<string>() == "rejected" && RouterApp.IdOf(message) is { } refused)
            {
                rejected[refused] = message["error"]!["message"]!.GetValue<string>();
            }

            if (topic == RouterApp.Results)
            {
                ended[RouterApp.IdOf(message)!] = message["status"]!.GetValue<string>();
            }

            return ValueTask.CompletedTask;
        });
        var components = Directory.CreateDirectory(Path.Combine(data, "components")).FullName;
        RouterApp.WriteComponents(components);
        var processes = await PlatformProcesses.StartAsync(new PlatformProcessesOptions
        {
            DataDirectory = data,
            ComponentsPath = components,
            ExtraApps = new Dictionary<string, int> { [RouterApp.AppId] = router.Port },
            Settings = settings,
        });
        var platform = new WatchedPlatform(router, processes, ended, rejected);
        await platform.AnswersAsync();
        return platform;
    }

    /// <summary>
    /// Waits until the gateway reaches the scheduler: its sidecar lets calls through only after a first look at its health, and what is
    /// submitted before goes over the bus.
    /// </summary>
    public async Task AnswersAsync()
    {
        for (var end = TimeProvider.System.GetUtcNow() + StartPatience; TimeProvider.System.GetUtcNow() < end;)
        {
            using var answer = await Http.GetAsync(new Uri("/v1/tasks?limit=1", UriKind.Relative));
            if (answer.IsSuccessStatusCode)
            {
                return;
            }

            await Task.Delay(Look, TimeProvider.System);
        }

        throw new InvalidOperationException($"no scheduler answered the gateway within {StartPatience}");
    }

    /// <summary>Waits until each of these has a result on the bus, or was rejected there.</summary>
    /// <returns>How many have none when the time is over.</returns>
    public async Task<int> MissingAsync(IReadOnlyCollection<string> assignments, TimeSpan patience)
    {
        var end = TimeProvider.System.GetUtcNow() + patience;
        while (true)
        {
            var missing = assignments.Count(id => !_ended.ContainsKey(id) && !_rejected.ContainsKey(id));
            if (missing == 0 || TimeProvider.System.GetUtcNow() > end)
            {
                return missing;
            }

            await Task.Delay(Look, TimeProvider.System);
        }
    }

    /// <summary>Tasks that the scheduler holds.</summary>
    public Task<long> OpenTasksAsync() => GaugeAsync("scheduler_open_tasks ");

    /// <summary>Tasks that an executor has.</summary>
    public Task<long> LeasesAsync() => GaugeAsync("scheduler_leases ");

    /// <summary>What a process holds in memory now.</summary>
    public long ResidentBytes(string process)
    {
        var line = File.ReadLines($"/proc/{Processes[process].Id}/status").First(text => text.StartsWith("VmRSS:", StringComparison.Ordinal));
        return long.Parse(line["VmRSS:".Length..].Replace("kB", "", StringComparison.Ordinal).Trim(), CultureInfo.InvariantCulture) * 1024;
    }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await Processes.DisposeAsync();
        await _router.DisposeAsync();
    }

    private async Task<long> GaugeAsync(string name)
    {
        var metrics = await Http.GetStringAsync(new Uri(Processes.AddressOf("scheduler"), "/metrics"));
        var line = metrics.Split('\n').First(text => text.StartsWith(name, StringComparison.Ordinal));
        return long.Parse(line[name.Length..].Trim(), CultureInfo.InvariantCulture);
    }
}
