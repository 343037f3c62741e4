using Microsoft.Data.Sqlite;

namespace Beamline.Sqlite;

/// <summary>
/// Folds the write-ahead log back into the file, on a thread and a connection of its own, while commits go on. Left to the
/// writer alone, a commit now and then waits for thousands of pages, and with it every caller.
/// </summary>
internal sealed class WalCheckpoints : IDisposable
{
    // Often enough that the log stays far below the writer's own threshold, rarely enough that a page that is written again and
    // again is copied once.
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(250);

    private readonly SqliteConnection _connection; // belongs to the thread until it has ended
    private readonly Thread _thread;
    private readonly ManualResetEventSlim _due = new(false, spinCount: 0);
    private readonly ManualResetEventSlim _closing = new(false, spinCount: 0);

    public WalCheckpoints(SqliteConnection connection, string name)
    {
        _connection = connection;
        _thread = new Thread(Run) { IsBackground = true, Name = $"fold {name}" };
        _thread.Start();
    }

    /// <summary>The log has grown.</summary>
    public void Committed()
    {
        if (!_due.IsSet)
        {
            _due.Set();
        }
    }

    public void Dispose()
    {
        _closing.Set();
        _due.Set();
        _thread.Join();
        _connection.Dispose();
        _due.Dispose();
        _closing.Dispose();
    }

    private void Run()
    {
        while (true)
        {
            _due.Wait();
            if (_closing.Wait(Pause))
            {
                return;
            }

            _due.Reset();
            try
            {
                _connection.Execute("PRAGMA wal_checkpoint(PASSIVE)");
            }
            catch (SqliteException)
            {
                // A full or failing disk: nothing is lost, the log is longer. The writer meets the same disk, and reports it.
            }
        }
    }
}
