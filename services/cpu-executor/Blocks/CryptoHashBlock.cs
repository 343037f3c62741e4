using System.Collections.Frozen;
using System.Security.Cryptography;
using Beamline.Contracts.Errors;
using Beamline.ExecutorHost.Blocks;

namespace Beamline.CpuExecutor.Blocks;

/// <summary>
/// <c>crypto.hash</c>: a digest of the content.
/// <para>Inputs: <c>algorithm</c> (default sha256), <c>content</c> (taken as UTF-8) or <c>content_base64</c>.</para>
/// <para>Result: <c>algorithm</c> (as it is spelt here), <c>digest</c> (lower-case hex), <c>size_bytes</c> of the content.</para>
/// <para>Errors: 1001 an unknown algorithm, or one that this machine's cryptography lacks (sha3-*); 1002 no content; 1003 bad base64.</para>
/// <para>md5 and sha1 are broken as signatures; they are offered because checksums that others publish still use them.</para>
/// </summary>
internal sealed class CryptoHashBlock : IBlockExecutor
{
    private delegate int Hash(ReadOnlySpan<byte> content, Span<byte> digest);

    private const string Default = "sha256";
    private const int LongestDigest = 64;

    // The hash functions run in one go at hundreds of megabytes a second over at most one assignment: no check of the token between.
    private static readonly FrozenDictionary<string, (string Name, Hash Hash)> Algorithms = Offered();
    private static readonly string Names = string.Join(", ", Algorithms.Values.Select(offered => offered.Name).Distinct().Order(StringComparer.Ordinal));

    public string Type => "crypto.hash";

    public string Version => "1";

    public ValueTask<BlockOutcome> ExecuteAsync(StepRequest request, BlockContext context, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        var inputs = request.Inputs;
        var asked = inputs.OptionalString("algorithm") ?? Default;
        if (!Algorithms.TryGetValue(asked, out var algorithm))
        {
            inputs.AddFault(ErrorCode.InvalidInput, "algorithm", $"{inputs.PathOf("algorithm")} must be one of {Names}.");
        }

        var content = inputs.RequiredContent();
        return ValueTask.FromResult(inputs.Invalid ?? Result(algorithm.Name, algorithm.Hash, content.Span));
    }

    private static BlockOutcome Result(string name, Hash hash, ReadOnlySpan<byte> content)
    {
        Span<byte> digest = stackalloc byte[LongestDigest];
        var length = hash(content, digest);
        return BlockOutcome.Ok(StepOutputs.Write((name, hex: Convert.ToHexStringLower(digest[..length]), content.Length), static (json, state) =>
        {
            json.WriteString("algorithm", state.name);
            json.WriteString("digest", state.hex);
            json.WriteNumber("size_bytes", state.Length);
        }));
    }

    private static FrozenDictionary<string, (string, Hash)> Offered()
    {
#pragma warning disable CA5350, CA5351 // Broken as signatures, offered as checksums (see above).
        List<(string Name, string Alias, Hash Hash)> offered =
        [
            ("md5", "md-5", MD5.HashData),
            ("sha1", "sha-1", SHA1.HashData),
            ("sha256", "sha-256", SHA256.HashData),
            ("sha384", "sha-384", SHA384.HashData),
            ("sha512", "sha-512", SHA512.HashData),
        ];
#pragma warning restore CA5350, CA5351
        if (SHA3_256.IsSupported)
        {
            offered.Add(("sha3-256", "sha3_256", SHA3_256.HashData));
            offered.Add(("sha3-384", "sha3_384", SHA3_384.HashData));
            offered.Add(("sha3-512", "sha3_512", SHA3_512.HashData));
        }

        return offered.SelectMany(one => new[] { one.Name, one.Alias }.Select(key => KeyValuePair.Create(key, (one.Name, one.Hash))))
            .ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);
    }
}
