using Beamline.Sqlite;
using Microsoft.Data.Sqlite;

namespace Beamline.Local.Demo;

/// <summary>A small database that the demo makes, uploads as a file and queries; the rows stand here for the independent sums.</summary>
internal static class DemoDatabase
{
    public static readonly IReadOnlyList<(string City, string Line, int Riders)> Rides =
    [
        ("Oslo", "red", 1200), ("Oslo", "blue", 800), ("Bergen", "light", 450), ("Oslo", "red", 300), ("Bergen", "light", 50),
        ("Tromsø", "bus", 77),
    ];

    /// <summary>The bytes of a SQLite file with the table <c>rides</c>.</summary>
    public static byte[] Make()
    {
        SqliteEngine.Load();
        var path = Path.Combine(Path.GetTempPath(), $"beamline-demo-{Guid.NewGuid():n}.db");
        try
        {
            using (var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Pooling = false }.ConnectionString))
            {
                connection.Open();
                Execute(connection, "CREATE TABLE rides(city TEXT, line TEXT, riders INTEGER)");
                foreach (var (city, line, riders) in Rides)
                {
                    Execute(connection, "INSERT INTO rides VALUES ($a, $b, $c)", city, line, riders);
                }
            }

            return File.ReadAllBytes(path);
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static void Execute(SqliteConnection connection, string sql, params object[] values)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        for (var i = 0; i < values.Length; i++)
        {
            command.Parameters.AddWithValue("$" + (char)('a' + i), values[i]);
        }

        command.ExecuteNonQuery();
    }
}
