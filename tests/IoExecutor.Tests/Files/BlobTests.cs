using System.Security.Cryptography;
using System.Text;
using Beamline.Contracts.Errors;
using Beamline.TestKit.Blocks;

namespace Beamline.IoExecutor.Tests.Files;

public sealed class BlobTests : IDisposable
{
    private readonly FileFixture _files = new();

    public void Dispose() => _files.Dispose();

    [Fact]
    public async Task What_was_put_is_what_is_got()
    {
        var put = (await _files.Put.RunAsync("""{"path": "/data/deep/hello.txt", "content": "h\u00e4llo"}""")).Outputs();
        Assert.Equal("/data/deep/hello.txt", put.GetProperty("path").GetString());
        Assert.Equal(6, put.GetProperty("size_bytes").GetInt32());
        Assert.Equal("text/plain", put.GetProperty("content_type").GetString());
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData("hällo"u8)), put.GetProperty("sha256").GetString());
        Assert.Equal("hällo", await File.ReadAllTextAsync(_files.Real("data/deep/hello.txt"), TestContext.Current.CancellationToken));

        var got = (await _files.Get.RunAsync("""{"path": "data/deep/hello.txt"}""")).Outputs();
        Assert.Equal("hällo", got.GetProperty("content").GetString());
        Assert.Equal(put.GetProperty("sha256").GetString(), got.GetProperty("sha256").GetString());
        Assert.Equal("text/plain", got.GetProperty("content_type").GetString());
        Assert.Equal(6, got.GetProperty("size_bytes").GetInt32());
    }

    [Fact]
    public async Task Bytes_go_and_come_as_base64_and_the_content_type_is_kept_or_told_honestly()
    {
        var put = (await _files.Put.RunAsync("""{"path": "a.bin", "content_base64": "AP/+", "content_type": "image/x-test"}""")).Outputs();
        var got = (await _files.Get.RunAsync("""{"path": "a.bin"}""")).Outputs();
        Assert.Equal("AP/+", got.GetProperty("content_base64").GetString());
        Assert.Equal(put.GetProperty("content_type").GetString(), got.GetProperty("content_type").GetString());
        Assert.Contains(put.GetProperty("content_type").GetString(), new[] { "image/x-test", "application/octet-stream" });
    }

    [Fact]
    public async Task The_aliases_are_the_contracts() => await Task.Run(() =>
    {
        Assert.Equal(["fs.put"], _files.Put.Aliases);
        Assert.Equal(["fs.get"], _files.Get.Aliases);
    }, TestContext.Current.CancellationToken);

    [Theory]
    [InlineData("\"bytes=0-3\"", "0123", 0)]
    [InlineData("\"bytes=8-\"", "89", 8)]
    [InlineData("\"bytes=-3\"", "789", 7)]
    [InlineData("\"bytes=-99\"", "0123456789", 0)]
    [InlineData("\"bytes=5-99\"", "56789", 5)]
    [InlineData("{\"offset\": 2, \"length\": 3}", "234", 2)]
    [InlineData("{\"offset\": 9}", "9", 9)]
    public async Task A_range_gives_its_part_and_says_how_large_the_whole_is(string range, string expected, int offset)
    {
        await File.WriteAllTextAsync(_files.Real("d"), "0123456789", TestContext.Current.CancellationToken);
        var got = (await _files.Get.RunAsync($$"""{"path": "d", "range": {{range}}}""")).Outputs();
        Assert.Equal(expected, got.GetProperty("content").GetString());
        Assert.Equal(expected.Length, got.GetProperty("size_bytes").GetInt32());
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(expected))), got.GetProperty("sha256").GetString());
        Assert.Equal(offset, got.GetProperty("offset").GetInt32());
        Assert.Equal(10, got.GetProperty("total_bytes").GetInt32());
    }

    [Theory]
    [InlineData("\"bytes=10-\"")]
    [InlineData("\"bytes=5-3\"")]
    [InlineData("\"bytes=-0\"")]
    [InlineData("\"bytes=a-b\"")]
    [InlineData("\"bytes=-\"")]
    [InlineData("\"0-3\"")]
    [InlineData("\"bytes=0-99999999999999999999\"")]
    [InlineData("{\"offset\": -1}")]
    [InlineData("{\"length\": 0}")]
    [InlineData("5")]
    public async Task A_range_that_makes_no_sense_is_1001(string range)
    {
        await File.WriteAllTextAsync(_files.Real("d"), "0123456789", TestContext.Current.CancellationToken);
        var outcome = await _files.Get.RunAsync($$"""{"path": "d", "range": {{range}}}""");
        Assert.Equal(ErrorCode.InvalidInput, outcome.Code);
        Assert.False(outcome.Retryable);
    }

    [Fact]
    public async Task A_file_over_the_bound_is_refused_unread_and_its_parts_are_given()
    {
        await using (var big = File.Create(_files.Real("big")))
        {
            big.SetLength(4L * 1024 * 1024 * 1024);
        }

        Assert.Equal("output_too_large", (await _files.Get.RunAsync("""{"path": "big"}""")).Reason(ErrorCode.ExecutionFailed));
        var part = (await _files.Get.RunAsync("""{"path": "big", "range": {"offset": 4294967200, "length": 50}}""")).Outputs();
        Assert.Equal(50, part.GetProperty("size_bytes").GetInt32());
    }

    [Fact]
    public async Task A_missing_file_is_told_and_not_retried()
    {
        var outcome = await _files.Get.RunAsync("""{"path": "no/such"}""");
        Assert.Equal("not_found", outcome.Reason(ErrorCode.ExecutionFailed));
        Assert.False(outcome.Retryable);
        Assert.DoesNotContain(_files.Root, outcome.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_put_replaces_the_whole_file_under_readers_that_have_the_old_one_open()
    {
        await _files.Put.RunAsync("""{"path": "f", "content": "the old and longer content"}""");
        using var old = new StreamReader(_files.Real("f"));
        await _files.Put.RunAsync("""{"path": "f", "content": "new"}""");
        Assert.Equal("the old and longer content", await old.ReadToEndAsync(TestContext.Current.CancellationToken));
        Assert.Equal("new", (await _files.Get.RunAsync("""{"path": "f"}""")).Outputs().GetProperty("content").GetString());
        Assert.Empty(Directory.EnumerateFiles(_files.Real(".beamline-tmp")));
    }

    [Fact]
    public async Task Racing_puts_leave_one_content_whole()
    {
        var contents = Enumerable.Range(0, 20).Select(i => new string((char)('a' + i), 50_000)).ToList();
        await Task.WhenAll(contents.Select(content => _files.Put.RunAsync($$"""{"path": "f", "content": "{{content}}"}""")));
        Assert.Contains(await File.ReadAllTextAsync(_files.Real("f"), TestContext.Current.CancellationToken), contents);
    }

    [Fact]
    public async Task Each_tenant_has_files_of_its_own()
    {
        await _files.Put.RunAsync("""{"path": "f", "content": "of a"}""");
        Assert.Equal("not_found", (await _files.Get.RunAsync("""{"path": "f"}""", BlockRun.Context("tenant-b"))).Reason(ErrorCode.ExecutionFailed));
        await Assert.ThrowsAsync<ArgumentException>(() => _files.Get.RunAsync("""{"path": "f"}""", BlockRun.Context("../tenant-a")));
    }

    [Theory]
    [InlineData("""{"content": "x"}""", ErrorCode.MissingRequiredField)]
    [InlineData("""{"path": "", "content": "x"}""", ErrorCode.InvalidInput)]
    [InlineData("""{"path": 5, "content": "x"}""", ErrorCode.InvalidInput)]
    [InlineData("""{"path": "f"}""", ErrorCode.MissingRequiredField)]
    [InlineData("""{"path": "f", "content_base64": "?"}""", ErrorCode.InvalidFormat)]
    [InlineData("""{"path": "f", "content": "x", "content_type": "a\r\nb/c"}""", ErrorCode.InvalidInput)]
    public async Task Bad_inputs_are_named(string inputs, ErrorCode code)
    {
        var outcome = await _files.Put.RunAsync(inputs);
        Assert.Equal(code, outcome.Code);
        Assert.False(outcome.Retryable);
    }

    [Fact]
    public async Task A_cancelled_put_leaves_nothing()
    {
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => _files.Put.RunUntilAsync("""{"path": "f", "content": "x"}""", new CancellationToken(true)));
        Assert.False(File.Exists(_files.Real("f")));
    }

    [Fact]
    public async Task What_a_crash_left_is_removed_at_the_start_and_what_is_fresh_is_kept()
    {
        var old = _files.Real(".beamline-tmp/old");
        var fresh = _files.Real(".beamline-tmp/fresh");
        await File.WriteAllTextAsync(old, "x", TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(fresh, "x", TestContext.Current.CancellationToken);
        File.SetLastWriteTimeUtc(old, TimeProvider.System.GetUtcNow().AddHours(-2).UtcDateTime);
        await _files.Put.InitAsync(CancellationToken.None);
        Assert.False(File.Exists(old));
        Assert.True(File.Exists(fresh));
    }
}
