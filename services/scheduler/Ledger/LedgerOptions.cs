using Beamline.Sqlite;

namespace Beamline.Scheduler.Ledger;

/// <summary>Section <c>Ledger</c>.</summary>
public sealed class LedgerOptions
{
    /// <summary>The folder of the ledger's files; made when it is not there.</summary>
    public string Folder { get; set; } = ".beamline/scheduler";

    /// <summary>Full: what was answered survives power loss. Normal: it survives the process's death only.</summary>
    public SqliteSynchronous Synchronous { get; set; } = SqliteSynchronous.Full;

    /// <summary>The pause before a commit that failed (a full disk) is tried again.</summary>
    public TimeSpan RetryPause { get; set; } = TimeSpan.FromMilliseconds(500);

    /// <summary>Largest size of the ledger file in pages of 4 KiB (0: as large as the disk allows). Beyond it everything waits as on a full disk.</summary>
    public int MaxPages { get; set; }

    public string FilePath => Path.Combine(Folder, "ledger.db");
}
