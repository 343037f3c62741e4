using SQLitePCL;

namespace Beamline.IoExecutor.Blocks.Sql;

/// <summary>
/// Decides, while SQLite compiles a statement, what the statement may do. Reading is always allowed; changing rows and schema needs the
/// scope; whatever reaches outside the one file (ATTACH, extensions, VACUUM INTO, virtual tables) or changes the connection is never.
/// </summary>
internal static class SqlAuthorizer
{
    private const int CreateTemporaryFirst = 3;
    private const int CreateTemporaryLast = 6;
    private const int Pragma = 19;
    private const int Read = 20;
    private const int Select = 21;
    private const int Transaction = 22;
    private const int Update = 23;
    private const int Attach = 24;
    private const int Detach = 25;
    private const int CreateVirtualTable = 29;
    private const int DropVirtualTable = 30;
    private const int Function = 31;
    private const int Savepoint = 32;
    private const int Recursive = 33;

    // Those that only tell about the schema or the file. database_list would tell the machine's paths.
    private static readonly HashSet<string> PragmasWithArgument = new(StringComparer.OrdinalIgnoreCase)
    {
        "table_info", "table_xinfo", "table_list", "index_list", "index_info", "index_xinfo", "foreign_key_list",
    };

    private static readonly HashSet<string> PragmasWithout = new(StringComparer.OrdinalIgnoreCase)
    {
        "application_id", "encoding", "page_count", "page_size", "freelist_count", "journal_mode", "schema_version", "table_list", "user_version",
    };

    // Those that leave the file, and printf, whose widths keep the engine busy for many seconds without a look at the interruption.
    private static readonly HashSet<string> RefusedFunctions = new(StringComparer.OrdinalIgnoreCase)
    {
        "printf", "format",
        "load_extension", "fts3_tokenizer", "readfile", "writefile", "edit", "fsdir", "zipfile", "sqlar_uncompress",
    };

    private static readonly delegate_authorizer ReadOnly = (_, action, first, second, _, _) => Decide(action, first, second, write: false);
    private static readonly delegate_authorizer ReadWrite = (_, action, first, second, _, _) => Decide(action, first, second, write: true);

    public static void Install(sqlite3 database, bool write) => raw.sqlite3_set_authorizer(database, write ? ReadWrite : ReadOnly, null);

    private static int Decide(int action, utf8z first, utf8z second, bool write) => IsAllowed(action, first, second, write) ? raw.SQLITE_OK : raw.SQLITE_DENY;

    private static bool IsAllowed(int action, utf8z first, utf8z second, bool write) => action switch
    {
        Read or Select or Recursive => true,
        Function => !RefusedFunctions.Contains(second.utf8_to_string() ?? ""),
        Pragma => (second.utf8_to_string() is null ? PragmasWithout : PragmasWithArgument).Contains(first.utf8_to_string() ?? ""),
        // The engine asks this when a query uses a table-valued function such as json_each; a real change of the schema table is
        // refused by the connection's defensive mode, scope or not.
        Update when first.utf8_to_string() == "sqlite_master" => true,

        // One statement a query: a transaction or temporary table could not be used by a second.
        Transaction or Savepoint or (>= CreateTemporaryFirst and <= CreateTemporaryLast) => false,
        Attach or Detach or CreateVirtualTable or DropVirtualTable => false,
        _ => write,
    };
}
