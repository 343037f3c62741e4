using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Beamline.Contracts;
using Beamline.TestKit.Outside;

namespace Beamline.TestKit.Chaos;

/// <summary>Which way a task is submitted.</summary>
public enum Way
{
    Gateway,

    /// <summary>The submit waits for the result.</summary>
    GatewayWaiting,
    Bus,

    /// <summary>The same assignment over both at once.</summary>
    Both,

    /// <summary>The same assignment twice at once over the gateway.</summary>
    GatewayTwice,
}

/// <summary>One task of the mix: what is sent, which way, and what is right.</summary>
public sealed record ChaosTask
{
    public required string Id { get; init; }

    public required string Pool { get; init; }

    public required JsonObject Job { get; init; }

    public Way Way { get; init; } = Way.Gateway;

    public bool Once { get; init; }

    /// <summary>The task is cancelled once it is accepted: over this way, or not at all.</summary>
    public Way? Cancelled { get; init; }

    /// <summary>The step's flow and step id; two tasks that share it are one step.</summary>
    public string? Identity { get; init; }

    /// <summary>What <c>result</c> must hold in a success.</summary>
    public Func<JsonNode, bool> IsRight { get; init; } = _ => true;

    public Fact Opening => new()
    {
        Kind = FactKinds.Sending, Id = Id, Via = Way.ToString(), Once = Once ? true : null, Identity = Identity,
        Expect = Cancelled is null ? Expectations.Success : Expectations.CancelledOrDone,
    };

    public string Body()
    {
        var assignment = GatewayClient.Assignment(Id, (JsonObject)Job.DeepClone());
        if (Once)
        {
            assignment["job"]!["redelivery"] = "at_most_once";
        }

        if (Identity is not null)
        {
            (assignment["flow_id"], assignment["step_id"]) = (Identity, "step");
        }

        return assignment.ToJsonString();
    }
}

/// <summary>The mix: of twenty tasks each is another case. Without the bus, what would go over it goes over the gateway.</summary>
public sealed class ChaosMix(string name, Uri witness, bool overBus)
{
    public const int Cases = 20;

    /// <summary>The database that the queries read, below the tenant's root.</summary>
    public const string Database = "chaos.db";

    /// <summary>The task or, where two are one step, the tasks of this number.</summary>
    public IReadOnlyList<ChaosTask> Tasks(int number) =>
    [
        .. Mixed(number).Select(task => overBus ? task : task with
        {
            Way = task.Way switch { Way.Bus => Way.Gateway, Way.Both => Way.GatewayTwice, var way => way },
            Cancelled = task.Cancelled is null ? null : Way.Gateway,
        }),
    ];

    private IReadOnlyList<ChaosTask> Mixed(int number)
    {
        var id = $"{name}-{number}";
        return (number % Cases) switch
        {
            0 => [Http(id, "/seen") with { Way = Way.GatewayWaiting }],
            1 => [Http(id, "/seen") with { Way = Way.Bus }],
            2 => [Http(id, "/flaky")],
            3 => [Http(id, "/later")],
            4 => [Http(id, "/seen") with { Once = true }],
            5 => [Http(id, "/seen") with { Once = true, Way = Way.Bus }],
            6 => [Http(id, "/seen") with { Once = true, Way = Way.Both }],
            7 => [Http(id, "/seen") with { Way = Way.Both }],
            8 => [Http(id, "/seen") with { Way = Way.GatewayTwice }],
            9 => [Http(id + "-a", "/seen") with { Identity = id }, Http(id + "-b", "/seen") with { Identity = id, Way = Way.Bus }],
            10 => [Http(id, "/slow") with { Cancelled = Way.Gateway }],
            11 => [Http(id, "/slow") with { Cancelled = Way.Bus }],
            12 => [Hash(id) with { Way = Way.GatewayWaiting }],
            13 => [Hash(id) with { Way = Way.Bus }],
            14 => [Hash(id) with { Once = true }],
            15 => [Put(id)],
            16 => [Put(id) with { Way = Way.GatewayWaiting }],
            17 => [Query(id)],
            18 => [Product(id)],
            _ => [Product(id) with { Way = Way.GatewayWaiting }],
        };
    }

    private ChaosTask Http(string id, string path) => new()
    {
        Id = id, Pool = Pools.Io, Job = new JsonObject { ["type"] = "http.request", ["url"] = new Uri(witness, path).ToString() },
        IsRight = result => result["body"]?.GetValue<string>() == "seen",
    };

    private static ChaosTask Hash(string id) => new()
    {
        Id = id, Pool = Pools.Cpu, Job = new JsonObject { ["type"] = "crypto.hash", ["algorithm"] = "sha256", ["content"] = id },
        IsRight = result => result["digest"]?.GetValue<string>() == Digest(id),
    };

    private static ChaosTask Put(string id) => new()
    {
        Id = id, Pool = Pools.Io, Job = new JsonObject { ["type"] = "fs.blob_put", ["path"] = $"/chaos/{id}.txt", ["content"] = id },
        IsRight = result => result["sha256"]?.GetValue<string>() == Digest(id),
    };

    private static ChaosTask Query(string id) => new()
    {
        Id = id, Pool = Pools.Io,
        Job = new JsonObject
        {
            ["type"] = "sql.query", ["connection_string"] = "sqlite://" + Database, ["query"] = "SELECT COUNT(*) AS n, ? AS id FROM t", ["parameters"] = new JsonArray(id),
        },
        IsRight = result => result["rows"]?[0]?["id"]?.GetValue<string>() == id && result["rows"]![0]!["n"]!.GetValue<int>() == 3,
    };

    private static ChaosTask Product(string id)
    {
        var number = int.Parse(id[(id.LastIndexOf('-') + 1)..], CultureInfo.InvariantCulture) % 1000;
        return new()
        {
            Id = id, Pool = Pools.Gpu,
            Job = new JsonObject
            {
                ["type"] = "compute.matmul",
                ["a"] = new JsonObject { ["shape"] = new JsonArray(1, 1), ["data"] = new JsonArray(number) },
                ["b"] = new JsonObject { ["shape"] = new JsonArray(1, 1), ["data"] = new JsonArray(2) },
            },
            IsRight = result => result["data"]?[0]?.GetValue<float>() == 2 * number,
        };
    }

    private static string Digest(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
}
