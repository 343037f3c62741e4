namespace Beamline.ExecutorHost.Running;

/// <summary>Chance, injected and safe to share between threads (a Random of one's own is not).</summary>
internal sealed class Jitter(Random random)
{
    private readonly Lock _gate = new(); // Guards the Random.

    /// <summary>From zero up to, but not including, <paramref name="ceiling"/>.</summary>
    public TimeSpan UpTo(TimeSpan ceiling)
    {
        lock (_gate)
        {
            return ceiling * random.NextDouble();
        }
    }
}
