namespace Beamline.DaprAccess;

/// <summary>Health, metadata and shutdown of the own sidecar.</summary>
internal sealed class SidecarCalls(SidecarConnection sidecar)
{
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(100);

    public async Task<bool> IsHealthyAsync(string route, CancellationToken ct)
    {
        try
        {
            var answer = await sidecar.CallAsync(new SidecarRequest("health check", HttpMethod.Get, route), ct).ConfigureAwait(false);
            return answer.IsSuccess;
        }
        catch (DaprException)
        {
            return false;
        }
    }

    public async Task WaitAsync(TimeSpan timeout, CancellationToken ct)
    {
        var started = sidecar.Time.GetTimestamp();
        while (!await IsHealthyAsync(DaprRoutes.OutboundHealth, ct).ConfigureAwait(false))
        {
            if (sidecar.Time.GetElapsedTime(started) >= timeout)
            {
                throw new DaprException($"the sidecar was not ready within {timeout.TotalSeconds:0.###} s");
            }

            await Task.Delay(PollInterval, sidecar.Time, ct).ConfigureAwait(false);
        }
    }

    public async Task<DaprMetadata> MetadataAsync(CancellationToken ct)
    {
        var answer = await sidecar.CallAsync(new SidecarRequest("get metadata", HttpMethod.Get, DaprRoutes.Metadata), ct).ConfigureAwait(false);
        answer.EnsureSuccess();
        return answer.ReadJson(DaprJson.Default.DaprMetadata);
    }

    public async Task ShutdownAsync(CancellationToken ct)
    {
        var answer = await sidecar.CallAsync(new SidecarRequest("shut the sidecar down", HttpMethod.Post, DaprRoutes.Shutdown), ct).ConfigureAwait(false);
        answer.EnsureSuccess();
    }
}
