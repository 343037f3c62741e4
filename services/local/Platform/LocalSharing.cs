using System.Diagnostics.Metrics;
using System.Security.Cryptography;

namespace Beamline.Local.Platform;

/// <summary>What the services of one process have in common.</summary>
internal sealed class LocalSharing : IDisposable
{
    private readonly ServiceProvider _metrics = new ServiceCollection().AddMetrics().BuildServiceProvider();

    /// <summary>What apps show their sidecar: random for each run, so that nothing else on the machine passes for one.</summary>
    public string SidecarToken { get; } = NewToken();

    /// <summary>What the sidecar shows the apps.</summary>
    public string AppToken { get; } = NewToken();

    /// <summary>One for all: only the gateway has a port, so its <c>/metrics</c> tells of the scheduler and the executors too.</summary>
    public IMeterFactory Meters => _metrics.GetRequiredService<IMeterFactory>();

    public void Dispose() => _metrics.Dispose();

    private static string NewToken() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(24));
}
