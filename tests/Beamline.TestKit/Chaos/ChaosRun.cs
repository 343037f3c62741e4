using System.Text.Json.Nodes;
using Beamline.Sqlite;
using Beamline.TestKit.Outside;
using Beamline.TestKit.Processes;
using Microsoft.Data.Sqlite;

namespace Beamline.TestKit.Chaos;

/// <summary>What a fault does its harm to.</summary>
public sealed record ChaosStage(PlatformProcesses Platform, ChaosClients Clients, Journal Journal, TimeProvider Time);

/// <summary>How much load.</summary>
public sealed record ChaosOptions
{
    /// <summary>Tasks a second.</summary>
    public int PerSecond { get; init; } = 200;

    /// <summary>How long the load goes on; longer where the harm is not done by then.</summary>
    public TimeSpan Duration { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>Some tasks and cancellations go over the bus, and do not pass the gateway.</summary>
    public bool OverBus { get; init; } = true;

    /// <summary>The platform's data and the journal lie here.</summary>
    public required string DataDirectory { get; init; }

    /// <summary>After the harm and the last task's start: how long everything may take to end.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromMinutes(2);
}

/// <summary>What happened.</summary>
public sealed record ChaosReport
{
    public required Verdict Verdict { get; init; }

    public required TimeSpan Took { get; init; }

    /// <summary>The journal, which holds the history of each assignment.</summary>
    public required string Journal { get; init; }
}

/// <summary>
/// Real processes under a load while something does them harm. A Router on the bus, a server that the steps call, and clients
/// at the gateway write down what they see; then the judge reads it.
/// </summary>
public static class ChaosRun
{
    /// <summary><paramref name="harm"/> returns when all is well again; the load goes on until then.</summary>
    public static async Task<ChaosReport> RunAsync(ChaosOptions options, Func<ChaosStage, CancellationToken, Task> harm, TimeProvider time, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(harm);
        ArgumentNullException.ThrowIfNull(time);
        var path = Path.Combine(options.DataDirectory, "journal.ndjson");
        var started = time.GetTimestamp();
        await using (var journal = new Journal(path, time))
        {
            await RunAsync(options, journal, harm, time, cancellation);
        }

        return new ChaosReport { Verdict = Judge.Read(path), Took = time.GetElapsedTime(started), Journal = path };
    }

    private static async Task RunAsync(
        ChaosOptions options, Journal journal, Func<ChaosStage, CancellationToken, Task> harm, TimeProvider time, CancellationToken cancellation)
    {
        ChaosClients? clients = null;
        await using var witness = await Witness.StartAsync(seen => journal.NoteAsync(
            new Fact { Kind = FactKinds.Ran, Id = seen.Assignment, Delivery = seen.Delivery, Retry = seen.Retry }));
        await using var router = await RouterApp.StartAsync(async (topic, body, message) =>
        {
            foreach (var fact in FactsOf(topic, body, message))
            {
                await journal.NoteAsync(fact);
                clients?.OnDelivered(fact);
            }
        });
        await using var platform = await StartAsync(options, router);
        MakeDatabase(Path.Combine(options.DataDirectory, "files", GatewayClient.Tenant));
        using (clients = new ChaosClients(platform, journal, new ChaosMix("c", witness.Address, options.OverBus), time))
        {
            using var enough = new CancellationTokenSource();
            var load = clients.RunAsync(options.PerSecond, options.Patience, enough.Token);
            try
            {
                await Task.WhenAll(Task.Delay(options.Duration, time, cancellation), harm(new ChaosStage(platform, clients, journal, time), cancellation));
            }
            finally
            {
                await enough.CancelAsync();
                await load;
            }
        }
    }

    private static Task<PlatformProcesses> StartAsync(ChaosOptions options, RouterApp router)
    {
        var components = Directory.CreateDirectory(Path.Combine(options.DataDirectory, "components")).FullName;
        RouterApp.WriteComponents(components);
        return PlatformProcesses.StartAsync(new PlatformProcessesOptions
        {
            DataDirectory = options.DataDirectory,
            ComponentsPath = components,
            ExtraApps = new Dictionary<string, int> { [RouterApp.AppId] = router.Port },
            Settings = new Dictionary<string, string?>
            {
                ["Http:Egress:Allow:0"] = "127.0.0.1",
                ["Http:TraceHeaders"] = "true",
                ["Logging:LogLevel:Default"] = "Warning",
            },
        });
    }

    private static IEnumerable<Fact> FactsOf(string topic, byte[] body, JsonNode message) => topic switch
    {
        RouterApp.Results => [ChaosClients.ResultFact(message, "bus", body)],
        RouterApp.Acks =>
        [
            new Fact { Kind = FactKinds.Ack, Id = RouterApp.IdOf(message), Status = message["status"]!.GetValue<string>(), Reason = message["error"]?.ToJsonString() },
        ],
        RouterApp.Events => message["events"]!.AsArray().Where(IsLast).Select(last => new Fact
        {
            Kind = FactKinds.Final, Id = RouterApp.IdOf(last!), Status = last!["type"]!.GetValue<string>(), Hash = last["event_id"]!.GetValue<string>(),
        }),
        _ => [],
    };

    private static bool IsLast(JsonNode? taskEvent) => taskEvent!["type"]!.GetValue<string>() is "completed" or "failed" or "timed_out" or "cancelled";

    private static void MakeDatabase(string tenantRoot)
    {
        SqliteEngine.Load();
        Directory.CreateDirectory(tenantRoot);
        using var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = Path.Combine(tenantRoot, ChaosMix.Database), Pooling = false }.ConnectionString);
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = "CREATE TABLE t(x INTEGER); INSERT INTO t VALUES (1), (2), (3)";
        command.ExecuteNonQuery();
    }
}
