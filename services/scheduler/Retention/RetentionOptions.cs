namespace Beamline.Scheduler.Retention;

/// <summary>What the ledger keeps of what is over. Section <c>Retention</c>.</summary>
internal sealed class RetentionOptions
{
    public const string Section = "Retention";

    /// <summary>How long ended tasks stay readable, with their events and results. Never less than <see cref="KeepAtLeast"/>.</summary>
    public TimeSpan FinishedTasks { get; set; } = TimeSpan.FromHours(1);

    /// <summary>Rows of tasks, open ones included. Beyond it ended tasks go as soon as they may.</summary>
    public int MaxTasks { get; set; } = 500_000;

    /// <summary>Bytes of the ledger in use. Beyond it ended tasks and the oldest dead letters go as soon as they may.</summary>
    public long MaxBytes { get; set; } = 4L * 1024 * 1024 * 1024;

    /// <summary>How long dead letters stay, and the tasks that they tell of.</summary>
    public TimeSpan DeadLetters { get; set; } = TimeSpan.FromDays(7);

    /// <summary>Dead letters kept; the oldest go first.</summary>
    public int MaxDeadLetters { get; set; } = 10_000;

    /// <summary>Bytes of raw messages kept in dead letters, likewise.</summary>
    public long MaxDeadLetterBytes { get; set; } = 256L * 1024 * 1024;

    /// <summary>What ended less than this ago stays whatever the bounds say: late repeats are answered from it.</summary>
    public TimeSpan KeepAtLeast { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>How often the ledger is looked through.</summary>
    public TimeSpan Every { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Rows in one transaction: commits of the hot path wait behind it.</summary>
    public int Batch { get; set; } = 500;
}
