using System.Diagnostics;
using System.Text;
using System.Text.Json;
using Beamline.Benchmarks.Load;
using Beamline.Benchmarks.Measuring;
using Beamline.Benchmarks.Runtimes;
using Beamline.Benchmarks.Workloads;
using Beamline.Sqlite;
using Microsoft.Data.Sqlite;

namespace Beamline.Benchmarks;

/// <summary>
/// The four gates of the contract: 500 tasks/s through the whole platform, and what the platform adds at p95 to an HTTP
/// call, a file write and a query, each against the bare operation in the same run. Non-zero when one falls short.
/// </summary>
internal static class GatesBench
{
    private const int Samples = 400;

    public static async Task<int> RunAsync(BenchOptions options, IReadOnlyDictionary<string, string?> settings, string dataDirectory)
    {
        var (server, address) = await AnsweringServer.StartAsync();
        await using var serverLife = server;
        await using var runtime = await BenchRuntime.StartAsync(options.Runtime, dataDirectory, settings);
        using var http = new HttpClient { BaseAddress = runtime.Gateway };
        using var bare = new HttpClient();

        var hashes = new HashWorkload(options.Tasks ?? 5_000);
        await new BatchLoad(http, hashes, "warm").RunAsync(1_000, CancellationToken.None);
        var load = await new BatchLoad(http, hashes, "load").RunAsync(hashes.Tasks, CancellationToken.None);
        var perSecond = hashes.Tasks / load.Took.TotalSeconds;

        var file = Path.Combine(dataDirectory, "bare.txt");
        var database = MakeDatabase(Path.Combine(dataDirectory, "bare.db"));
        await RunTaskAsync(http, $$"""{"type":"fs.blob_put","path":"/gates.db","content_base64":"{{Convert.ToBase64String(database)}}"}""");

        var httpAdded = await AddedP95Async(
            () => bare.GetStringAsync(new Uri(address, "/n/1")),
            () => RunTaskAsync(http, $$"""{"type":"http.request","url":"{{new Uri(address, "/n/1")}}"}"""));
        var fsAdded = await AddedP95Async(
            () => WriteDurablyAsync(file),
            () => RunTaskAsync(http, """{"type":"fs.blob_put","path":"/gates.txt","content":"gate"}"""));
        var sqlAdded = await AddedP95Async(
            () => Task.Run(() => Query(Path.Combine(dataDirectory, "bare.db"))),
            () => RunTaskAsync(http, """{"type":"sql.query","connection_string":"sqlite://gates.db","query":"SELECT COUNT(*) AS n FROM t"}"""));

        var result = new GatesResult
        {
            Runtime = runtime.Name,
            TasksPerS = BenchResult.Round(perSecond),
            HttpAddedP95Ms = BenchResult.Round(httpAdded),
            FsAddedP95Ms = BenchResult.Round(fsAdded),
            SqlAddedP95Ms = BenchResult.Round(sqlAdded),
            Passed = load is { Lost: 0, Wrong: 0 } && perSecond >= 500 && httpAdded <= 500 && fsAdded <= 200 && sqlAdded <= 300,
        };
        Console.WriteLine(JsonSerializer.Serialize(result, BenchJson.Default.GatesResult));
        return result.Passed ? 0 : 1;
    }

    private static async Task<double> AddedP95Async(Func<Task> bareOperation, Func<Task> task)
    {
        var bare = new double[Samples];
        var through = new double[Samples];
        for (var i = 0; i < Samples; i++)
        {
            bare[i] = await TimeAsync(bareOperation);
            through[i] = await TimeAsync(task);
        }

        return new Percentiles(through)[95] - new Percentiles(bare)[95];
    }

    private static async Task<double> TimeAsync(Func<Task> operation)
    {
        var start = Stopwatch.GetTimestamp();
        await operation();
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }

    private static async Task RunTaskAsync(HttpClient http, string job)
    {
        var assignment = $$"""{"version":"1","tenant_id":"bench","executor":{"provider_id":"bench"},"job":{{job}}}""";
        using var content = new StringContent(assignment, Encoding.UTF8, "application/json");
        using var answer = await http.PostAsync(new Uri("/v1/tasks?wait=30", UriKind.Relative), content);
        var text = await answer.Content.ReadAsStringAsync();
        if ((int)answer.StatusCode != 200 || JsonDocument.Parse(text).RootElement.GetProperty("status").GetString() != "success")
        {
            throw new InvalidOperationException($"a gate's task did not succeed: {(int)answer.StatusCode} {text}");
        }
    }

    private static async Task WriteDurablyAsync(string path)
    {
        var temporary = path + ".tmp";
        await using (var file = File.Create(temporary))
        {
            await file.WriteAsync("gate"u8.ToArray());
            file.Flush(flushToDisk: true);
        }

        File.Move(temporary, path, overwrite: true);
    }

    private static byte[] MakeDatabase(string path)
    {
        SqliteEngine.Load();
        using (var connection = Open(path))
        {
            using var command = connection.CreateCommand();
            command.CommandText = "CREATE TABLE t(x INTEGER); INSERT INTO t VALUES (1), (2), (3)";
            command.ExecuteNonQuery();
        }

        return File.ReadAllBytes(path);
    }

    private static void Query(string path)
    {
        using var connection = Open(path);
        using var command = connection.CreateCommand();
        command.CommandText = "SELECT COUNT(*) AS n FROM t";
        command.ExecuteScalar();
    }

    private static SqliteConnection Open(string path)
    {
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Pooling = false }.ConnectionString);
        connection.Open();
        return connection;
    }
}
