namespace Beamline.IoExecutor.Blocks.Sql;

/// <summary>Section <c>Sql</c>.</summary>
public sealed class SqlBlockOptions
{
    public const string Section = "Sql";

    /// <summary>Each tenant's databases lie in a folder of its own below this one. Empty: below <c>Fs:Root</c>, beside the tenant's files.</summary>
    public string Root { get; set; } = "";

    /// <summary>Rows returned at most; a step may ask for fewer (<c>max_rows</c>). What is beyond is left out and <c>truncated</c> says so.</summary>
    public int MaxRows { get; set; } = 10_000;

    /// <summary>
    /// Largest text, blob or row that the engine makes on the way; over it a query fails with 2001. It also bounds how long one call of a
    /// function (a search in a text, say) can go on, which no interruption reaches.
    /// </summary>
    public int MaxValueBytes { get; set; } = 1024 * 1024;

    /// <summary>Largest database that writing may grow, in bytes; over it a query fails with 2002.</summary>
    public long MaxDatabaseBytes { get; set; } = 1024L * 1024 * 1024;

    /// <summary>Wait for another connection's lock; over it a query fails with 2002.</summary>
    public TimeSpan BusyTimeout { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>One query takes no longer than this, whatever its step's timeout: it bounds what a sort can spill to the disk.</summary>
    public TimeSpan MaxQueryTime { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>Threads for queries; one that ignores its interruption keeps its thread until it returns.</summary>
    public int Threads { get; set; } = 8;

    /// <summary>Queries that may wait for a thread; beyond it a step fails with 2002, to be tried again.</summary>
    public int QueueCapacity { get; set; } = 256;

    /// <summary>Databases by name, for the input <c>connection</c>.</summary>
    public IDictionary<string, SqlConnectionOptions> Connections { get; set; } = new Dictionary<string, SqlConnectionOptions>(StringComparer.OrdinalIgnoreCase);
}

/// <summary>Section <c>Sql:Connections:{name}</c>.</summary>
public sealed class SqlConnectionOptions
{
    /// <summary><c>sqlite://path</c>, below the root of the tenant that asks: each tenant sees its own.</summary>
    public string ConnectionString { get; set; } = "";

    /// <summary>The tenants that may use the name. Empty: every tenant.</summary>
    public IList<string> Tenants { get; set; } = [];
}
