using System.Runtime.CompilerServices;
using Microsoft.Data.Sqlite;

namespace Beamline.Sqlite;

/// <summary>
/// Prepared commands, kept a connection. Like the connection itself they belong to one thread at a time. The texts are the
/// program's own constants, so the cache is bounded by the program's size; never pass text made from input.
/// </summary>
public static class SqliteStatements
{
    private static readonly ConditionalWeakTable<SqliteConnection, Dictionary<string, SqliteCommand>> Caches = [];

    /// <summary>The prepared command for <paramref name="sql"/>, its parameters still bound to the values of its last use.</summary>
    public static SqliteCommand Prepared(this SqliteConnection connection, string sql, SqliteTransaction? transaction = null)
    {
        ArgumentNullException.ThrowIfNull(connection);
        var cache = Caches.GetOrCreateValue(connection);
        if (!cache.TryGetValue(sql, out var command))
        {
            command = connection.CreateCommand();
#pragma warning disable CA2100 // The texts are constants of the program (see above).
            command.CommandText = sql;
#pragma warning restore CA2100
            cache.Add(sql, command);
        }

        command.Transaction = transaction;
        return command;
    }

    /// <summary>Sets a parameter, adding it on first use; <c>null</c> is SQL's NULL.</summary>
    public static SqliteCommand Bind(this SqliteCommand command, string name, object? value)
    {
        ArgumentNullException.ThrowIfNull(command);
        var parameters = command.Parameters;
        var index = parameters.IndexOf(name);
        var parameter = index < 0 ? parameters.Add(new SqliteParameter { ParameterName = name }) : parameters[index];
        parameter.Value = value ?? DBNull.Value;
        return command;
    }

    /// <summary>Runs a text once, unprepared: for pragmas and schema.</summary>
    public static void Execute(this SqliteConnection connection, string sql, SqliteTransaction? transaction = null)
    {
        ArgumentNullException.ThrowIfNull(connection);
        using var command = connection.CreateCommand();
#pragma warning disable CA2100 // As above.
        command.CommandText = sql;
#pragma warning restore CA2100
        command.Transaction = transaction;
        command.ExecuteNonQuery();
    }
}
