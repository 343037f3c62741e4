using System.Globalization;
using System.Threading.Channels;
using Beamline.Contracts.Json;
using Beamline.Scheduler.Core;
using Microsoft.Data.Sqlite;

namespace Beamline.Scheduler.Ledger;

/// <summary>Reads what is committed, on connections of its own. Never on the hot path.</summary>
public sealed class LedgerReader : IAsyncDisposable
{
    /// <summary>Enough for the API's reads beside a background scan; more callers wait their turn.</summary>
    private const int MaxConnections = 4;
    private readonly Func<SqliteConnection> _open;
    private readonly Channel<SqliteConnection?> _idle = Channel.CreateBounded<SqliteConnection?>(MaxConnections);

    internal LedgerReader(Func<SqliteConnection> open)
    {
        _open = open;
        for (var i = 0; i < MaxConnections; i++)
        {
            _idle.Writer.TryWrite(null);
        }
    }

    /// <summary>Runs a query. It sees one consistent state of the ledger a statement; begin a transaction for more.</summary>
    public async Task<T> ReadAsync<T>(Func<SqliteConnection, T> query, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(query);
        var connection = await _idle.Reader.ReadAsync(cancellation).ConfigureAwait(false);
        try
        {
            connection ??= _open();
            return query(connection);
        }
        finally
        {
            if (!_idle.Writer.TryWrite(connection))
            {
                connection?.Dispose();
            }
        }
    }

    /// <summary>What ended rows say of their steps; rows that are not there (any more) or have not ended are left out.</summary>
    internal Task<IReadOnlyDictionary<long, KnownStep>> EndedAsync(IReadOnlyCollection<long> tasks, CancellationToken cancellation) =>
        ReadAsync<IReadOnlyDictionary<long, KnownStep>>(
            connection =>
            {
                using var command = connection.CreateCommand();
                command.CommandText = "SELECT assignment_id, body_hash, state, r.body FROM tasks JOIN results r USING (id) WHERE id=$id AND state>=10";
                var id = command.Parameters.Add("$id", SqliteType.Integer);
                var found = new Dictionary<long, KnownStep>(tasks.Count);
                foreach (var task in tasks)
                {
                    id.Value = task;
                    using var row = command.ExecuteReader();
                    if (row.Read())
                    {
                        found[task] = new KnownStep(
                            task,
                            row.GetString(0),
                            row.GetFieldValue<byte[]>(1),
                            ((TaskPhase)row.GetInt32(2)).WireName(),
                            row.IsDBNull(3) ? null : new RawJson(row.GetFieldValue<byte[]>(3)));
                    }
                }

                return found;
            },
            cancellation);

    public async ValueTask DisposeAsync()
    {
        _idle.Writer.TryComplete();
        await foreach (var connection in _idle.Reader.ReadAllAsync().ConfigureAwait(false))
        {
            connection?.Dispose();
        }
    }
}
