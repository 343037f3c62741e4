using System.Diagnostics;
using Beamline.Local.Platform;
using Beamline.TestKit.Processes;

namespace Beamline.Benchmarks.Runtimes;

/// <summary>The platform under test: in this process, or as six processes of its own.</summary>
internal sealed class BenchRuntime : IAsyncDisposable
{
    private readonly IAsyncDisposable _platform;
    private readonly Func<TimeSpan> _platformCpu;

    private BenchRuntime(string name, Uri gateway, int processes, IAsyncDisposable platform, Func<TimeSpan> platformCpu)
    {
        Name = name;
        Gateway = gateway;
        Processes = processes;
        _platform = platform;
        _platformCpu = platformCpu;
    }

    public string Name { get; }

    public Uri Gateway { get; }

    /// <summary>Processes of the platform and the submitter.</summary>
    public int Processes { get; }

    /// <summary>CPU of the platform and of this process, which submits.</summary>
    public TimeSpan CpuTime => Process.GetCurrentProcess().TotalProcessorTime + _platformCpu();

    public static async Task<BenchRuntime> StartAsync(string name, string dataDirectory, IReadOnlyDictionary<string, string?> settings)
    {
        switch (name)
        {
            case "local":
                var local = await LocalPlatform.StartAsync(
                    new LocalOptions
                    {
                        DataDirectory = dataDirectory,
                        Urls = "http://127.0.0.1:0",
                        ComponentsPath = Path.Combine(AppContext.BaseDirectory, "components"),
                        Settings = settings,
                    },
                    CancellationToken.None);
                return new BenchRuntime(name, local.Gateway, 1, local, () => TimeSpan.Zero);
            case "processes":
                var processes = await PlatformProcesses.StartAsync(new PlatformProcessesOptions { DataDirectory = dataDirectory, Settings = settings });
                return new BenchRuntime(name, processes.Gateway, PlatformProcesses.Count + 1, processes, () => processes.CpuTime);
            default:
                throw new ArgumentException($"--runtime is local or processes, not {name}");
        }
    }

    public ValueTask DisposeAsync() => _platform.DisposeAsync();
}
