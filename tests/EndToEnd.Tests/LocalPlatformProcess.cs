using Beamline.TestKit;
using Beamline.TestKit.Processes;

namespace Beamline.EndToEnd.Tests;

/// <summary><c>services/local</c> as a child process, on any free port; shared by the tests of a class.</summary>
public sealed class LocalPlatformProcess : IAsyncLifetime
{
    private readonly TemporaryFolder _folder = new();

    public ServiceProcess Process { get; private set; } = null!;

    public Uri Gateway { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Process = ServiceProcess.Start(
            "local", PlatformProcesses.Executable("Local"), ["--data", _folder.File("data"), "--urls", "http://127.0.0.1:0", "--log-level", "Warning"]);
        var ready = await Process.WaitForLineAsync("Beamline is ready at", TimeSpan.FromSeconds(60));
        Gateway = new Uri(ready[(ready.LastIndexOf(' ') + 1)..]);
    }

    public async ValueTask DisposeAsync()
    {
        await Process.DisposeAsync();
        _folder.Dispose();
    }
}
