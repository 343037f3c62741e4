namespace Beamline.Sidecar;

/// <summary>The sidecar as a process of its own: every app on a port.</summary>
internal static class SidecarProcess
{
    /// <summary>Prints an endpoint a line and <c>ready</c>, runs until the token fires, drains, and ends. Also ends when every app has asked for its shutdown.</summary>
    public static async Task RunAsync(SidecarCommandLine line, ILoggerFactory loggers, TextWriter output, CancellationToken stop)
    {
        await using var sidecar = await EmbeddedSidecar.StartAsync(line.Options!, loggers, CancellationToken.None).ConfigureAwait(false);
        var apps = new List<SidecarApp>();
        foreach (var options in line.Apps)
        {
            var app = await sidecar.AddAppAsync(options, CancellationToken.None).ConfigureAwait(false);
            apps.Add(app);
            await output.WriteLineAsync($"{app.AppId} {app.HttpEndpoint}".AsMemory(), CancellationToken.None).ConfigureAwait(false);
        }

        await output.WriteLineAsync("ready".AsMemory(), CancellationToken.None).ConfigureAwait(false);
        await output.FlushAsync(CancellationToken.None).ConfigureAwait(false);
        await Task.WhenAny(Task.WhenAll(apps.Select(app => app.Removed)), Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, stop)).ConfigureAwait(false);
    }
}
