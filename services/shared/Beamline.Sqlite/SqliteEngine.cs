using System.Runtime.InteropServices;
using SQLitePCL;

namespace Beamline.Sqlite;

/// <summary>Which SQLite this process runs on.</summary>
/// <param name="Version">The engine's own version, such as <c>3.40.1</c>.</param>
/// <param name="Source"><c>system</c> (libsqlite3.so.0) or <c>carried</c> (the one that comes with the package).</param>
public sealed record SqliteEngineInfo(string Version, string Source);

/// <summary>
/// Chooses the native SQLite once a process. The system's engine is preferred because it gets security fixes; the carried one is
/// the fallback for machines without libsqlite3.so.0. <c>BEAMLINE_SQLITE_ENGINE=system|carried</c> forces one.
/// </summary>
public static class SqliteEngine
{
    public const string ForceVariable = "BEAMLINE_SQLITE_ENGINE";

    private const string SystemLibrary = "libsqlite3.so.0";
    private static readonly Lazy<SqliteEngineInfo> Engine = new(Choose);

    /// <summary>Loads the engine, or says which one was loaded before.</summary>
    /// <exception cref="InvalidOperationException">The forced engine is unknown or cannot be loaded.</exception>
    public static SqliteEngineInfo Load() => Engine.Value;

    private static SqliteEngineInfo Choose()
    {
        var forced = Environment.GetEnvironmentVariable(ForceVariable);
        if (forced is not (null or "" or "system" or "carried"))
        {
            throw new InvalidOperationException($"{ForceVariable} is '{forced}': it must be 'system' or 'carried'.");
        }

        nint system = 0;
        if (forced != "carried" && !NativeLibrary.TryLoad(SystemLibrary, out system) && forced == "system")
        {
            throw new InvalidOperationException($"{ForceVariable} asks for the system's SQLite, but {SystemLibrary} cannot be loaded.");
        }

        if (system != 0)
        {
            NativeLibrary.SetDllImportResolver(
                typeof(SQLite3Provider_e_sqlite3).Assembly,
                (name, _, _) => name == "e_sqlite3" ? system : 0);
        }

        raw.SetProvider(new SQLite3Provider_e_sqlite3());
        SpareLocks();
        return new SqliteEngineInfo(raw.sqlite3_libversion().utf8_to_string(), system != 0 ? "system" : "carried");
    }

    /// <summary>
    /// No connection here is ever used by two threads at once (sqlite3_interrupt apart, which needs no lock), and nobody asks how
    /// much memory the engine holds: so it takes no lock a call, and no global one an allocation. Refused, and harmless, where
    /// something else in the process has used the library before.
    /// </summary>
    private static void SpareLocks()
    {
        _ = raw.sqlite3_config(raw.SQLITE_CONFIG_MULTITHREAD);
        _ = raw.sqlite3_config(raw.SQLITE_CONFIG_MEMSTATUS, 0);
    }
}
