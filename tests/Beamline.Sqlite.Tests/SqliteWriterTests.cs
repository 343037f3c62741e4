using Microsoft.Data.Sqlite;

namespace Beamline.Sqlite.Tests;

public sealed class SqliteWriterTests : IDisposable
{
    private const string Insert = "INSERT INTO t (id) VALUES ($id)";
    private readonly string _folder = Directory.CreateTempSubdirectory("sqlite-test-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Many_callers_share_commits_and_each_hears_after_its_own()
    {
        var commits = 0;
        await using var writer = Open(after: (_, _) => Interlocked.Increment(ref commits));
        using var reader = writer.OpenReader();

        await Task.WhenAll(Enumerable.Range(0, 5_000).Select(id => writer.RunAsync((connection, transaction) => Add(connection, transaction, id), TestContext.Current.CancellationToken)));

        Assert.Equal(5_000L, Count(reader));
        Assert.InRange(commits, 1, 2_500);
    }

    [Fact]
    public async Task An_item_that_fails_is_undone_alone()
    {
        await using var writer = Open();
        using var gate = new ManualResetEventSlim();
        var hold = writer.RunAsync((_, _) => gate.Wait(), TestContext.Current.CancellationToken);
        var good = writer.RunAsync((connection, transaction) => Add(connection, transaction, 1), TestContext.Current.CancellationToken);
        var bad = writer.RunAsync(
            (connection, transaction) =>
            {
                Add(connection, transaction, 2);
                throw new InvalidOperationException("no");
            },
            TestContext.Current.CancellationToken);
        var alsoGood = writer.RunAsync((connection, transaction) => Add(connection, transaction, 3), TestContext.Current.CancellationToken);
        gate.Set();

        await Task.WhenAll(hold, good, alsoGood);
        await Assert.ThrowsAsync<InvalidOperationException>(() => bad);
        using var reader = writer.OpenReader();
        Assert.Equal(2L, Count(reader));
    }

    [Fact]
    public async Task A_full_disk_is_code_13_and_the_writer_goes_on()
    {
        await using var writer = Open(maxPages: 40);
        const string big = "INSERT INTO t (id, body) VALUES ($id, zeroblob(100000))";

        var full = await Assert.ThrowsAsync<SqliteException>(async () =>
        {
            for (var id = 0; ; id++)
            {
                await writer.RunAsync((connection, transaction) => connection.Prepared(big, transaction).Bind("$id", id).ExecuteNonQuery(), TestContext.Current.CancellationToken);
            }
        });

        Assert.Equal(13, full.SqliteErrorCode);
        await writer.RunAsync((connection, transaction) => connection.Prepared("DELETE FROM t", transaction).ExecuteNonQuery(), TestContext.Current.CancellationToken);
        await writer.RunAsync((connection, transaction) => Add(connection, transaction, 1), TestContext.Current.CancellationToken);
        using var reader = writer.OpenReader();
        Assert.Equal(1L, Count(reader));
    }

    [Fact]
    public async Task A_commit_that_the_engine_rolls_back_by_itself_fails_its_items_and_the_writer_goes_on()
    {
        await using var writer = Open();

        // As where the disk is full at the very COMMIT: the engine ends the transaction before anybody can.
        var failed = writer.RunAsync(
            (connection, transaction) =>
            {
                Add(connection, transaction, 1);
                SQLitePCL.raw.sqlite3_commit_hook(connection.Handle, _ => 1, null);
            },
            TestContext.Current.CancellationToken);
        await Assert.ThrowsAsync<SqliteException>(() => failed);

        await writer.RunAsync((connection, _) => SQLitePCL.raw.sqlite3_commit_hook(connection.Handle, null, null), TestContext.Current.CancellationToken);
        await writer.RunAsync((connection, transaction) => Add(connection, transaction, 2), TestContext.Current.CancellationToken);
        using var reader = writer.OpenReader();
        Assert.Equal(1L, Count(reader));
    }

    [Fact]
    public async Task Closing_commits_what_was_queued_and_refuses_the_next()
    {
        var writer = Open();
        var queued = Enumerable.Range(0, 100).Select(id => writer.RunAsync((connection, transaction) => Add(connection, transaction, id), TestContext.Current.CancellationToken)).ToList();

        await writer.DisposeAsync();

        await Task.WhenAll(queued);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => writer.RunAsync((_, _) => { }, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task An_exclusive_file_refuses_a_second_owner()
    {
        await using var writer = Open(exclusive: true);

        var refused = Assert.Throws<SqliteException>(() => Open(exclusive: true));

        Assert.Equal(5, refused.SqliteErrorCode);
        Assert.Throws<InvalidOperationException>(() => writer.OpenReader());
    }

    [Fact]
    public async Task A_caller_that_gave_up_while_waiting_is_not_run()
    {
        await using var writer = Open();
        using var gate = new ManualResetEventSlim();
        using var impatient = new CancellationTokenSource();
        var hold = writer.RunAsync((_, _) => gate.Wait(), TestContext.Current.CancellationToken);
        await impatient.CancelAsync();
        var given = writer.RunAsync((connection, transaction) => Add(connection, transaction, 1), impatient.Token);
        gate.Set();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => given);
        await hold;
        using var reader = writer.OpenReader();
        Assert.Equal(0L, Count(reader));
    }

    [Theory]
    [InlineData(SqliteSynchronous.Full, 2L)]
    [InlineData(SqliteSynchronous.Normal, 1L)]
    public async Task The_synchronous_setting_is_the_connections(SqliteSynchronous setting, long expected)
    {
        await using var writer = Open(synchronous: setting);

        var pragma = await writer.RunAsync((connection, transaction) => connection.Prepared("PRAGMA synchronous", transaction).ExecuteScalar(), TestContext.Current.CancellationToken);

        Assert.Equal(expected, pragma);
    }

    private static void Add(SqliteConnection connection, SqliteTransaction transaction, int id) =>
        connection.Prepared(Insert, transaction).Bind("$id", id).ExecuteNonQuery();

    private static object? Count(SqliteConnection connection)
    {
        using var command = connection.CreateCommand();
        command.CommandText = "SELECT COUNT(*) FROM t";
        return command.ExecuteScalar();
    }

    private SqliteWriter Open(
        SqliteSynchronous synchronous = SqliteSynchronous.Normal, bool exclusive = false, int maxPages = 0, Action<SqliteConnection, bool>? after = null) =>
        SqliteWriter.Open(new SqliteWriterOptions
        {
            Path = Path.Combine(_folder, "t.db"),
            Synchronous = synchronous,
            ExclusiveLock = exclusive,
            MaxPages = maxPages,
            AfterCommit = after,
            BusyTimeout = TimeSpan.FromSeconds(1),
            Initialize = connection => connection.Execute("CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, body BLOB)"),
        });
}
