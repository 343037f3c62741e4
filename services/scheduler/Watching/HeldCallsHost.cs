using Beamline.Scheduler.Reading;

namespace Beamline.Scheduler.Watching;

/// <summary>Answers every held stream and call first when the host goes down, so that none keeps it from draining.</summary>
internal sealed class HeldCallsHost(WatchHub hub, EventWaiters waiters, IHostApplicationLifetime lifetime) : IHostedService
{
    private CancellationTokenRegistration _stopping;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _stopping = lifetime.ApplicationStopping.Register(() =>
        {
            hub.CloseAll();
            waiters.CloseAll();
        });
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken)
    {
        _stopping.Dispose();
        return Task.CompletedTask;
    }
}
