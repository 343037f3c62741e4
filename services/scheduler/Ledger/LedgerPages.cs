using Beamline.Scheduler.Lanes;
using Microsoft.Data.Sqlite;

namespace Beamline.Scheduler.Ledger;

/// <summary>How the ledger's rows are read in pages, each bounded in rows and bytes.</summary>
internal static class LedgerPages
{
    /// <summary>The columns of <see cref="LedgerRestoring.InfoOf"/> in its order, of tables <c>tasks t</c> and <c>assignments a</c>: 0 to 9 of a query that begins with them.</summary>
    public const string TaskColumns = "t.id, t.replay, t.identity, t.body_hash, t.alias_of, t.admitted_at, t.source, t.principal, t.scopes, a.body";

    private const int Rows = 512;
    private const int Bytes = 8 * 1024 * 1024;

    /// <summary>Reads rows until the page is full. The command must not limit itself; it is stopped.</summary>
    public static FeedPage<T> ReadPage<T>(this SqliteCommand command, Func<SqliteDataReader, T> read, Func<T, int> bytesOf, int most = Rows, int mostBytes = Bytes)
    {
        var rows = new List<T>();
        var bytes = 0L;
        using var reader = command.ExecuteReader();
        while (reader.Read())
        {
            if (rows.Count == most || bytes >= mostBytes)
            {
                return new FeedPage<T>(rows, More: true);
            }

            var row = read(reader);
            rows.Add(row);
            bytes += bytesOf(row);
        }

        return new FeedPage<T>(rows, More: false);
    }

    public static byte[]? BytesOrNull(this SqliteDataReader reader, int column) => reader.IsDBNull(column) ? null : reader.GetFieldValue<byte[]>(column);

    public static string? TextOrNull(this SqliteDataReader reader, int column) => reader.IsDBNull(column) ? null : reader.GetString(column);

    public static long? NumberOrNull(this SqliteDataReader reader, int column) => reader.IsDBNull(column) ? null : reader.GetInt64(column);
}
