using System.Text.Json.Nodes;
using Beamline.TestKit;
using Microsoft.Data.Sqlite;

namespace Beamline.EndToEnd.Tests;

/// <summary>Two tenants' files and databases, reached by steps of real processes: the same path is another file, and no way leads across.</summary>
[Collection(PlatformGroup.Name)]
public sealed class TenantDataTests(SharedPlatform platform) : IAsyncLifetime
{
    private const int Refused = 2003;
    private readonly CancellationTokenSource _patience = new(TimeSpan.FromSeconds(60));
    private TenantClient _left = null!;
    private TenantClient _right = null!;

    public async ValueTask InitializeAsync()
    {
        await platform.RestoreAsync();
        _left = new TenantClient(platform.Processes.Gateway, "left", _patience.Token);
        _right = new TenantClient(platform.Processes.Gateway, "right", _patience.Token);
        await _left.DirectAsync();
    }

    public ValueTask DisposeAsync()
    {
        _left.Dispose();
        _right.Dispose();
        _patience.Dispose();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task The_same_path_is_a_file_of_each()
    {
        await _left.RunAsync("put-same", Put("/data/same.txt", "left's"));
        await _right.RunAsync("put-same", Put("/data/same.txt", "right's"));

        Assert.Equal("left's", (await _left.RunAsync("get-same", Get("/data/same.txt")))["content"]!.GetValue<string>());
        Assert.Equal("right's", (await _right.RunAsync("get-same", Get("/data/same.txt")))["content"]!.GetValue<string>());
    }

    [Theory]
    [InlineData("../left/secret.txt")]
    [InlineData("/../left/secret.txt")]
    [InlineData("data/../../left/secret.txt")]
    [InlineData("..%2fleft%2fsecret.txt")]
    [InlineData("link-to-folder/secret.txt")]
    [InlineData("link-to-file.txt")]
    public async Task No_path_leads_to_the_others_files(string path)
    {
        await _left.RunAsync($"secret-{path.Length}-{path[0]}", Put("/secret.txt", "left's"));
        await _right.RunAsync($"own-{path.Length}-{path[0]}", Put("/own.txt", "right's"));
        Link("link-to-folder", Path.Combine(platform.FilesRoot, "left"));
        Link("link-to-file.txt", Path.Combine(platform.FilesRoot, "left", "secret.txt"));

        Assert.Equal(Refused, await _right.FailAsync($"read {path}", Get(path)));
        Assert.Equal(Refused, await _right.FailAsync($"write {path}", Put(path, "right was here")));
        Assert.Equal("left's", await File.ReadAllTextAsync(Path.Combine(platform.FilesRoot, "left", "secret.txt"), _patience.Token));
    }

    [Fact]
    public async Task The_others_root_named_in_full_is_a_path_below_the_own_root()
    {
        await _left.RunAsync("full-secret", Put("/full.txt", "left's"));
        var full = Path.Combine(platform.FilesRoot, "left", "full.txt");

        await _right.FailAsync("full-read", Get(full));
        await _right.RunAsync("full-write", Put(full, "right's"));

        Assert.Equal("left's", await File.ReadAllTextAsync(full, _patience.Token));
        Assert.Equal("right's", await File.ReadAllTextAsync(Path.Combine(platform.FilesRoot, "right") + full, _patience.Token));
    }

    [Fact]
    public async Task A_database_is_its_tenants_alone()
    {
        await _left.RunAsync("sql-put", new JsonObject { ["type"] = "fs.blob_put", ["path"] = "/mine.db", ["content_base64"] = Convert.ToBase64String(Database("left's")) });
        await _right.RunAsync("sql-put", new JsonObject { ["type"] = "fs.blob_put", ["path"] = "/other.db", ["content_base64"] = Convert.ToBase64String(Database("right's")) });
        Link("link.db", Path.Combine(platform.FilesRoot, "left", "mine.db"));
        var file = Path.Combine(platform.FilesRoot, "left", "mine.db");

        Assert.Equal("left's", (await _left.RunAsync("sql-own", Query("sqlite://mine.db")))["rows"]![0]!["word"]!.GetValue<string>());
        await _right.FailAsync("sql-same", Query("sqlite://mine.db"));
        Assert.Equal(Refused, await _right.FailAsync("sql-up", Query("sqlite://../left/mine.db")));
        Assert.Equal(Refused, await _right.FailAsync("sql-link", Query("sqlite://link.db")));
        await _right.FailAsync("sql-full", Query("sqlite://" + file));
        Assert.Equal(Refused, await _right.FailAsync("sql-attach", Query("sqlite://other.db", $"ATTACH DATABASE '{file}' AS theirs")));
        Assert.Equal("right's", (await _right.RunAsync("sql-still", Query("sqlite://other.db")))["rows"]![0]!["word"]!.GetValue<string>());
    }

    private static JsonObject Put(string path, string content) => new() { ["type"] = "fs.blob_put", ["path"] = path, ["content"] = content };

    private static JsonObject Get(string path) => new() { ["type"] = "fs.blob_get", ["path"] = path };

    private static JsonObject Query(string connection, string query = "SELECT word FROM words") =>
        new() { ["type"] = "sql.query", ["connection_string"] = connection, ["query"] = query };

    /// <summary>A link as somebody with the machine's shell, or a program that writes below the root, could leave it.</summary>
    private void Link(string name, string target)
    {
        var path = Path.Combine(platform.FilesRoot, "right", name);
        if (!File.Exists(path) && !Directory.Exists(path))
        {
            File.CreateSymbolicLink(path, target);
        }
    }

    private static byte[] Database(string word)
    {
        Beamline.Sqlite.SqliteEngine.Load();
        using var folder = new TemporaryFolder();
        using (var connection = new SqliteConnection($"Data Source={folder.File("words.db")};Pooling=False"))
        {
            connection.Open();
            using var command = connection.CreateCommand();
            command.CommandText = "CREATE TABLE words (word TEXT); INSERT INTO words VALUES ($word)";
            command.Parameters.AddWithValue("$word", word);
            command.ExecuteNonQuery();
        }

        return File.ReadAllBytes(folder.File("words.db"));
    }
}
