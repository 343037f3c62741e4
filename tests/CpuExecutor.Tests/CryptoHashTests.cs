using Beamline.Contracts.Errors;
using Beamline.CpuExecutor.Blocks;
using Beamline.TestKit.Blocks;

namespace Beamline.CpuExecutor.Tests;

public sealed class CryptoHashTests
{
    private readonly CryptoHashBlock _block = new();

    // Published test vectors for "abc".
    [Theory]
    [InlineData("md5", "900150983cd24fb0d6963f7d28e17f72")]
    [InlineData("sha1", "a9993e364706816aba3e25717850c26c9cd0d89d")]
    [InlineData("sha256", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")]
    [InlineData("sha384", "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7")]
    [InlineData("sha512", "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f")]
    public async Task Published_vectors_come_out_in_lower_case_hex(string algorithm, string digest)
    {
        var outputs = (await _block.RunAsync($$"""{"algorithm": "{{algorithm}}", "content": "abc"}""")).Outputs();
        Assert.Equal(algorithm, outputs.GetProperty("algorithm").GetString());
        Assert.Equal(digest, outputs.GetProperty("digest").GetString());
        Assert.Equal(3, outputs.GetProperty("size_bytes").GetInt32());
    }

    [Fact]
    public async Task Sha3_is_offered_where_the_machine_has_it_and_named_as_unknown_where_not()
    {
        var outcome = await _block.RunAsync("""{"algorithm": "sha3-256", "content": "abc"}""");
        if (System.Security.Cryptography.SHA3_256.IsSupported)
        {
            Assert.Equal("3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532", outcome.Outputs().GetProperty("digest").GetString());
        }
        else
        {
            Assert.Equal(ErrorCode.InvalidInput, outcome.Code);
        }
    }

    [Fact]
    public async Task Base64_content_is_hashed_as_bytes_and_text_as_utf8()
    {
        var bytes = (await _block.RunAsync("""{"algorithm": "sha256", "content_base64": "AP8="}""")).Outputs();
        Assert.Equal("06eb7d6a69ee19e5fbdf749018d3d2abfa04bcbd1365db312eb86dc7169389b8", bytes.GetProperty("digest").GetString());
        var text = (await _block.RunAsync("""{"content": "\u00e9"}""")).Outputs();
        Assert.Equal("sha256", text.GetProperty("algorithm").GetString());
        Assert.Equal(2, text.GetProperty("size_bytes").GetInt32());
    }

    [Fact]
    public async Task Empty_content_has_a_digest_too()
    {
        var outputs = (await _block.RunAsync("""{"algorithm": "SHA-256", "content": ""}""")).Outputs();
        Assert.Equal("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", outputs.GetProperty("digest").GetString());
        Assert.Equal("sha256", outputs.GetProperty("algorithm").GetString());
    }

    [Theory]
    [InlineData("""{"algorithm": "sha257", "content": "x"}""", ErrorCode.InvalidInput)]
    [InlineData("""{"algorithm": 256, "content": "x"}""", ErrorCode.InvalidInput)]
    [InlineData("""{"algorithm": "sha256"}""", ErrorCode.MissingRequiredField)]
    [InlineData("""{"algorithm": "sha256", "content": null}""", ErrorCode.MissingRequiredField)]
    [InlineData("""{"algorithm": "sha256", "content": 5}""", ErrorCode.InvalidInput)]
    [InlineData("""{"algorithm": "sha256", "content": "x", "content_base64": "eA=="}""", ErrorCode.InvalidInput)]
    [InlineData("""{"algorithm": "sha256", "content_base64": "not base64"}""", ErrorCode.InvalidFormat)]
    public async Task Bad_inputs_are_named_and_never_retried(string inputs, ErrorCode code)
    {
        var outcome = await _block.RunAsync(inputs);
        Assert.Equal(code, outcome.Code);
        Assert.False(outcome.Retryable);
    }

    [Fact]
    public async Task An_unknown_algorithm_is_answered_with_the_known_ones()
    {
        var outcome = await _block.RunAsync("""{"algorithm": "crc32", "content": "x"}""");
        Assert.Contains("sha256", outcome.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_cancelled_step_does_not_begin()
    {
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => _block.RunUntilAsync("""{"content": "x"}""", new CancellationToken(true)));
    }
}
