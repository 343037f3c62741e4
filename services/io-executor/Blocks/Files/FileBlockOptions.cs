namespace Beamline.IoExecutor.Blocks.Files;

/// <summary>Section <c>Fs</c>: where tenants' files lie, and how many calls may touch them at once.</summary>
public sealed class FileBlockOptions
{
    public const string Section = "Fs";

    /// <summary>Each tenant's files lie in a folder of its own below this one, which is made when it is missing.</summary>
    public string Root { get; set; } = Path.Combine(".beamline", "files");

    /// <summary>Threads for file calls; a call that hangs keeps its thread until it returns.</summary>
    public int Threads { get; set; } = 8;

    /// <summary>Calls that may wait for a thread; beyond it a step fails with 2002, to be tried again.</summary>
    public int QueueCapacity { get; set; } = 256;

    /// <summary>Temporary files older than this, which a crash left, are removed at the start.</summary>
    public TimeSpan AbandonedAfter { get; set; } = TimeSpan.FromHours(1);
}
