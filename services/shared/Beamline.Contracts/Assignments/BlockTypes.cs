using System.Collections.Frozen;

namespace Beamline.Contracts.Assignments;

/// <summary>What the contract says about one block type. <see cref="Canonical"/> differs from <see cref="Type"/> for an alias.</summary>
public sealed record BlockType
{
    public required string Type { get; init; }

    /// <summary>The type whose block runs: <c>fs.blob_put</c> for <c>fs.put</c>.</summary>
    public required string Canonical { get; init; }

    /// <summary>The values of <c>job.resources.class</c> that suit it. Empty for a block that needs no worker while it waits.</summary>
    public required IReadOnlyList<string> AllowedPools { get; init; }

    /// <summary>The pool when the assignment names none; null for a block that needs no worker.</summary>
    public required string? DefaultPool { get; init; }

    /// <summary>Run time assumed until there are measurements, milliseconds.</summary>
    public required int EstimatedCostMs { get; init; }

    /// <summary>False for what the contract names but this build does not run yet: an assignment of it is refused with 1001.</summary>
    public required bool Implemented { get; init; }
}

/// <summary>The catalogue of block types: the contract's table, and what of it this build implements.</summary>
public static class BlockTypes
{
    public const string HttpRequest = "http.request";
    public const string BlobPut = "fs.blob_put";
    public const string BlobGet = "fs.blob_get";
    public const string SqlQuery = "sql.query";
    public const string CryptoHash = "crypto.hash";
    public const string MatMul = "compute.matmul";
    public const string HumanApproval = "human.approval";

    private static readonly string[] Cpu = [Pools.Cpu];
    private static readonly string[] Io = [Pools.Io];
    private static readonly string[] Gpu = [Pools.Gpu];

    private static readonly FrozenDictionary<string, BlockType> ByType = new[]
    {
        Runs(HttpRequest, Io, 20),
        Known("http.stream_upload", Io, 1_000),
        Runs(BlobPut, Io, 5),
        Alias("fs.put", BlobPut, Io, 5),
        Runs(BlobGet, Io, 5),
        Alias("fs.get", BlobGet, Io, 5),
        Runs(SqlQuery, Io, 10),
        Runs(HumanApproval, [], 0),
        Runs(CryptoHash, Cpu, 1),
        Known("crypto.sign", Cpu, 2),
        Known("crypto.verify", Cpu, 2),
        Known("media.render", [Pools.Cpu, Pools.Gpu], 1_000),
        Known("ai.generate", [Pools.Io, Pools.Gpu], 2_000),
        Runs(MatMul, Gpu, 10),
        Known("compute.topk", Gpu, 10),
    }.ToFrozenDictionary(block => block.Type, StringComparer.Ordinal);

    /// <summary>Every type of the contract's table, aliases included.</summary>
    public static IReadOnlyCollection<BlockType> All => ByType.Values;

    /// <summary>Null for a type that the contract does not name.</summary>
    public static BlockType? Find(string type) => ByType.GetValueOrDefault(type);

    /// <summary>The type whose block runs; an unknown type is its own.</summary>
    public static string CanonicalOf(string type) => Find(type)?.Canonical ?? type;

    private static BlockType Runs(string type, string[] pools, int costMs) => Alias(type, type, pools, costMs);

    private static BlockType Known(string type, string[] pools, int costMs) => Runs(type, pools, costMs) with { Implemented = false };

    private static BlockType Alias(string type, string canonical, string[] pools, int costMs) => new()
    {
        Type = type,
        Canonical = canonical,
        AllowedPools = pools,
        DefaultPool = pools.Length == 0 ? null : pools[0],
        EstimatedCostMs = costMs,
        Implemented = true,
    };
}
