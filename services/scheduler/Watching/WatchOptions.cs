namespace Beamline.Scheduler.Watching;

/// <summary>Section <c>Watching</c>.</summary>
internal sealed class WatchOptions
{
    public const string Section = "Watching";

    /// <summary>Watchers, connected or lately gone. A gateway replica is one; beyond it a new one is refused.</summary>
    public int Watchers { get; set; } = 256;

    /// <summary>Results that wait for one watcher's stream. Beyond it the stream is ended: the watcher connects again and asks in bulk.</summary>
    public int BufferedResults { get; set; } = 16_384;

    /// <summary>Bytes of results that wait for one watcher's stream, likewise.</summary>
    public int BufferedBytes { get; set; } = 32 * 1024 * 1024;

    /// <summary>Tasks that one watcher may await. Beyond it the oldest is forgotten here; its waiter asks again on its own.</summary>
    public int AwaitedTasks { get; set; } = 200_000;

    /// <summary>Keys in one tasks/wait.</summary>
    public int KeysPerCall { get; set; } = 10_000;

    /// <summary>How long a watcher without a stream is remembered.</summary>
    public TimeSpan ForgetAfter { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>An empty line after so long without a result, so that both ends notice a connection that has died.</summary>
    public TimeSpan KeepAlive { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>Bytes in one line of the stream.</summary>
    public int LineBytes { get; set; } = 256 * 1024;

    /// <summary>Held calls of tasks/events at the same time, all tasks together. Further ones are answered at once, with what there is.</summary>
    public int HeldCalls { get; set; } = 2_000;
}
