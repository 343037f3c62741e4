namespace Beamline.ExecutorHost.Leases;

/// <summary>What one change of the book asks for, done once its lock is released. Lists are made only when there is a second item.</summary>
internal sealed class Turn
{
    private HeldLease? _firstLaunch;
    private List<HeldLease>? _launches;
    private List<(HeldLease Lease, CancellationTokenSource Attempt)>? _cancels;
    private List<HeldLease>? _stuck;

    public IReadOnlyList<(HeldLease Lease, CancellationTokenSource Attempt)> Cancels => _cancels ?? [];

    public IReadOnlyList<HeldLease> StuckOnes => _stuck ?? [];

    public void Launch(HeldLease lease)
    {
        if (_firstLaunch is null)
        {
            _firstLaunch = lease;
        }
        else
        {
            (_launches ??= []).Add(lease);
        }
    }

    /// <summary>The first launch, for a caller who runs it in place.</summary>
    public HeldLease? TakeLaunch()
    {
        var first = _firstLaunch;
        _firstLaunch = null;
        return first;
    }

    public void Cancel(HeldLease lease) => (_cancels ??= []).Add((lease, lease.Attempt!));

    public void Stuck(HeldLease lease) => (_stuck ??= []).Add(lease);

    public void LaunchAll(Action<HeldLease> launch)
    {
        if (_firstLaunch is { } first)
        {
            launch(first);
        }

        foreach (var lease in _launches ?? [])
        {
            launch(lease);
        }
    }
}
