using System.Globalization;
using Beamline.Sqlite;
using Microsoft.Data.Sqlite;

namespace Beamline.Scheduler.Ledger;

/// <summary>
/// The ledger's tables and how an older file becomes a current one. A migration is never changed once it is released: a new
/// one is added. SQL stays within SQLite 3.35.
/// </summary>
internal static class LedgerSchema
{
    /// <summary>Each brings the schema from its place in this list to the next.</summary>
    private static readonly string[] Migrations =
    [
        """
        CREATE TABLE tasks (
            id INTEGER PRIMARY KEY,
            tenant_id TEXT NOT NULL, assignment_id TEXT NOT NULL, replay INTEGER NOT NULL,
            identity BLOB NOT NULL, body_hash BLOB NOT NULL, alias_of INTEGER,
            state INTEGER NOT NULL, type TEXT NOT NULL, pool TEXT NOT NULL,
            admitted_at INTEGER NOT NULL, started_at INTEGER, ended_at INTEGER,
            queued_at INTEGER NOT NULL, due INTEGER NOT NULL,
            delivery INTEGER NOT NULL, ran_ms INTEGER NOT NULL, retries_used INTEGER NOT NULL,
            lease INTEGER NOT NULL, reported INTEGER NOT NULL, worker TEXT, incarnation TEXT,
            start_committed INTEGER NOT NULL, cancel INTEGER NOT NULL, event_seq INTEGER NOT NULL,
            key_confirmed INTEGER NOT NULL DEFAULT 0,
            source TEXT NOT NULL, principal TEXT, scopes TEXT,
            assignment BLOB NOT NULL, result BLOB);
        CREATE UNIQUE INDEX tasks_by_assignment ON tasks (tenant_id, assignment_id, replay);
        CREATE UNIQUE INDEX tasks_by_identity ON tasks (identity) WHERE alias_of IS NULL;
        CREATE INDEX tasks_keys_due ON tasks (id) WHERE key_confirmed = 0 AND state >= 10;
        CREATE TABLE outbox (
            id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, task_id INTEGER, number INTEGER NOT NULL, at INTEGER NOT NULL,
            dead_letter_id INTEGER, data BLOB);
        CREATE TABLE events (
            seq INTEGER PRIMARY KEY, task_id INTEGER NOT NULL, tenant_id TEXT NOT NULL, sequence INTEGER NOT NULL,
            type TEXT NOT NULL, at INTEGER NOT NULL, data BLOB);
        CREATE INDEX events_by_task ON events (task_id);
        CREATE TABLE dead_letters (
            id INTEGER PRIMARY KEY, task_id INTEGER, tenant_id TEXT, assignment_id TEXT, reason TEXT NOT NULL,
            delivery INTEGER NOT NULL, replay INTEGER NOT NULL, at INTEGER NOT NULL, raw BLOB);
        CREATE TABLE cancels_remembered (
            tenant_id TEXT NOT NULL, assignment_id TEXT NOT NULL, reason TEXT, requested_by TEXT, until INTEGER NOT NULL,
            PRIMARY KEY (tenant_id, assignment_id)) WITHOUT ROWID;
        CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
        INSERT INTO meta VALUES ('epoch', 0), ('events_published', 0);
        """,

        // Lists of a tenant's tasks and dead letters, newest first: the row id is part of an index, so it gives the order too.
        """
        CREATE INDEX tasks_by_tenant ON tasks (tenant_id);
        CREATE INDEX dead_letters_by_tenant ON dead_letters (tenant_id);
        """,

        // An identity that follows from the row's ids is stored as an empty blob (LedgerIdentity): a hash is written to a page of
        // its own nearly every time, and the index of assignments already keeps such rows unique.
        """
        DROP INDEX tasks_by_identity;
        CREATE UNIQUE INDEX tasks_by_identity ON tasks (identity) WHERE alias_of IS NULL AND identity <> x'';
        """,

        // Which answer granted the lease (LeaseGrant): after a restart too, what a worker never received is taken back at its next
        // call. Of leases granted before nobody knows: their terms end.
        """
        ALTER TABLE tasks ADD COLUMN lease_grant INTEGER NOT NULL DEFAULT 9223372036854775807;
        """,

        // What waits for a person (state 3, which earlier versions do not know), by tenant, newest first: found among all a tenant's tasks.
        """
        CREATE INDEX tasks_awaiting_approval ON tasks (tenant_id) WHERE state = 3;
        """,

        // What tenants with a limit on CPU time have used of it lately: a restart gives nobody a fresh window.
        """
        CREATE TABLE cpu_used (
            tenant_id TEXT NOT NULL, start INTEGER NOT NULL, used_ms INTEGER NOT NULL, PRIMARY KEY (tenant_id, start)) WITHOUT ROWID;
        """,

        // A task's row is written at its admission, its lease, its end and when its key is confirmed. What is large in it never
        // changes, and beside it each of those would write it again: a page for every three tasks, now one for twenty.
        """
        CREATE TABLE assignments (id INTEGER PRIMARY KEY, body BLOB NOT NULL);
        CREATE TABLE results (id INTEGER PRIMARY KEY, body BLOB NOT NULL);
        INSERT INTO assignments SELECT id, assignment FROM tasks;
        INSERT INTO results SELECT id, result FROM tasks WHERE result IS NOT NULL;
        ALTER TABLE tasks DROP COLUMN assignment;
        ALTER TABLE tasks DROP COLUMN result;
        """,

        // Replays of dead letters. replay_state: 0 never asked for, 1 waits for its turn, 2 replayed as the row replayed_as, 3 refused
        // when its turn came (replay_error says why).
        """
        ALTER TABLE dead_letters ADD COLUMN replay_state INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE dead_letters ADD COLUMN replay_id INTEGER;
        ALTER TABLE dead_letters ADD COLUMN replayed_at INTEGER;
        ALTER TABLE dead_letters ADD COLUMN replayed_as INTEGER;
        ALTER TABLE dead_letters ADD COLUMN replay_error TEXT;
        CREATE INDEX dead_letters_by_task ON dead_letters (task_id) WHERE task_id IS NOT NULL;
        CREATE INDEX dead_letters_waiting ON dead_letters (replay_id, id) WHERE replay_state = 1;
        CREATE INDEX dead_letters_by_replay ON dead_letters (replay_id) WHERE replay_id IS NOT NULL;
        CREATE INDEX dead_letters_replayed_as ON dead_letters (replayed_as) WHERE replayed_as IS NOT NULL;
        CREATE INDEX tasks_by_alias ON tasks (alias_of) WHERE alias_of IS NOT NULL;
        CREATE TABLE replays (
            id INTEGER PRIMARY KEY, tenant_id TEXT NOT NULL, requested_at INTEGER NOT NULL, requested_by TEXT, comment TEXT,
            rate REAL NOT NULL, letters INTEGER NOT NULL);
        """,
    ];

    public static int Newest => Migrations.Length;

    /// <exception cref="InvalidOperationException">The file was written by a newer version.</exception>
    public static void Migrate(SqliteConnection connection) => MigrateTo(connection, Newest);

    /// <summary>As an older version left it: for tests of the way from there.</summary>
    internal static void MigrateTo(SqliteConnection connection, int newest)
    {
        var version = (int)Scalar(connection, "PRAGMA user_version");
        if (version > Newest)
        {
            throw new InvalidOperationException(
                $"The ledger has schema version {version}; this scheduler knows versions up to {Newest}. Run the version that wrote it, or a newer one.");
        }

        for (; version < newest; version++)
        {
            using var transaction = connection.BeginTransaction();
            connection.Execute(Migrations[version], transaction);
            connection.Execute(string.Create(CultureInfo.InvariantCulture, $"PRAGMA user_version={version + 1}"), transaction);
            transaction.Commit();
        }
    }

    /// <summary>A new writer's number, committed before anything else is written.</summary>
    public static long NextEpoch(SqliteConnection connection)
    {
        connection.Execute("UPDATE meta SET value = value + 1 WHERE name = 'epoch'");
        return Scalar(connection, "SELECT value FROM meta WHERE name = 'epoch'");
    }

    public static long Scalar(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
#pragma warning disable CA2100 // Constants of this program.
        command.CommandText = sql;
#pragma warning restore CA2100
        return Convert.ToInt64(command.ExecuteScalar(), CultureInfo.InvariantCulture);
    }
}
