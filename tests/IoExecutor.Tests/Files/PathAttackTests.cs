using System.Diagnostics;
using System.Text.Json;
using Beamline.Contracts.Errors;
using Beamline.IoExecutor.Blocks.Files;
using Beamline.TestKit.Blocks;

namespace Beamline.IoExecutor.Tests.Files;

public sealed class PathAttackTests : IDisposable
{
    private readonly FileFixture _files = new();

    public void Dispose() => _files.Dispose();

    [Theory]
    [InlineData("..")]
    [InlineData("../x")]
    [InlineData("../../etc/passwd")]
    [InlineData("/../x")]
    [InlineData("a/../x")]
    [InlineData("a/../../x")]
    [InlineData("a/..")]
    [InlineData(".")]
    [InlineData("./x")]
    [InlineData("a/./x")]
    [InlineData("/")]
    [InlineData("//etc/passwd")]
    [InlineData("a//x")]
    [InlineData("a/")]
    [InlineData("..\\x")]
    [InlineData("a\\..\\x")]
    [InlineData("C:\\x")]
    [InlineData("C:/x")]
    [InlineData("x:stream")]
    [InlineData("%2e%2e/x")]
    [InlineData("%2E%2E%2Fx")]
    [InlineData("..%2fx")]
    [InlineData("..%5cx")]
    [InlineData("%252e%252e/x")]
    [InlineData("x%00.txt")]
    [InlineData("x\0.txt")]
    [InlineData("x\n")]
    [InlineData("x\r\ny")]
    [InlineData("x\u001b[0m")]
    [InlineData("x\u007f")]
    [InlineData("x\u202egnp")]
    [InlineData("x\u200b")]
    [InlineData("\ufeffx")]
    [InlineData("\uff0e\uff0e/x")]
    [InlineData("\u2025/x")]
    [InlineData("\u2024\u2024/x")]
    [InlineData("a\uff0fb")]
    [InlineData("a\u2215b")]
    [InlineData("a\u2044b")]
    [InlineData("a\uff3cb")]
    [InlineData("\ue000")]
    [InlineData(".. ")]
    [InlineData("...")]
    [InlineData("x.")]
    [InlineData("x ")]
    [InlineData(" x")]
    [InlineData(".beamline-tmp/x")]
    [InlineData(".BEAMLINE-tmp/x")]
    [InlineData("db.sqlite-journal")]
    [InlineData("db.sqlite-WAL")]
    [InlineData("db.sqlite-shm")]
    public async Task A_path_that_could_mean_another_place_is_2003_for_reading_and_writing(string path)
    {
        var json = JsonSerializer.Serialize(path);
        var got = await _files.Get.RunAsync($$"""{"path": {{json}}}""");
        Assert.Equal("path_refused", got.Reason(ErrorCode.PermissionDenied));
        Assert.False(got.Retryable);
        var put = await _files.Put.RunAsync($$"""{"path": {{json}}, "content": "x"}""");
        Assert.Equal("path_refused", put.Reason(ErrorCode.PermissionDenied));
        Assert.Empty(Directory.EnumerateFileSystemEntries(_files.Root));
    }

    [Theory]
    [InlineData(300, 1)]
    [InlineData(100, 20)]
    [InlineData(1, 33)]
    public async Task A_path_that_is_too_long_or_too_deep_is_2003(int length, int depth)
    {
        var path = string.Join('/', Enumerable.Repeat(new string('x', length), depth));
        Assert.Equal("path_refused", (await _files.Get.RunAsync($$"""{"path": "{{path}}"}""")).Reason(ErrorCode.PermissionDenied));
    }

    [Theory]
    [InlineData("x..y")]
    [InlineData("..x")]
    [InlineData(".hidden")]
    [InlineData("/data/x")]
    [InlineData("a b/\u00fc-\u65e5\u672c.txt")]
    [InlineData("100%.txt")]
    public async Task A_plain_name_is_no_attack(string path) =>
        Assert.True((await _files.Put.RunAsync($$"""{"path": {{JsonSerializer.Serialize(path)}}, "content": "x"}""")).IsOk);

    [Theory]
    [InlineData("link")]
    [InlineData("folder/secret")]
    [InlineData("hard")]
    [InlineData("loop")]
    [InlineData("dangling")]
    public async Task A_link_is_neither_read_nor_written_through(string path)
    {
        var outside = Path.Combine(_files.Root, "outside");
        Directory.CreateDirectory(outside);
        await File.WriteAllTextAsync(Path.Combine(outside, "secret"), "secret", TestContext.Current.CancellationToken);
        File.CreateSymbolicLink(_files.Real("link"), Path.Combine(outside, "secret"));
        File.CreateSymbolicLink(_files.Real("folder"), outside);
        File.CreateSymbolicLink(_files.Real("loop"), "loop");
        File.CreateSymbolicLink(_files.Real("dangling"), Path.Combine(outside, "new"));
        // A file of its own: its second name must not be what protects the others.
        await File.WriteAllTextAsync(Path.Combine(outside, "shared"), "secret", TestContext.Current.CancellationToken);
        await Run("ln", Path.Combine(outside, "shared"), _files.Real("hard"));

        Assert.Equal("path_refused", (await _files.Get.RunAsync($$"""{"path": "{{path}}"}""")).Reason(ErrorCode.PermissionDenied));
        if (path != "hard")
        {
            Assert.Equal("path_refused", (await _files.Put.RunAsync($$"""{"path": "{{path}}", "content": "x"}""")).Reason(ErrorCode.PermissionDenied));
        }

        Assert.Equal("secret", await File.ReadAllTextAsync(Path.Combine(outside, "secret"), TestContext.Current.CancellationToken));
        Assert.Equal(["secret", "shared"], Directory.EnumerateFileSystemEntries(outside).Select(Path.GetFileName).Order());
    }

    [Fact]
    public async Task A_fifo_holds_nobody_up_and_is_refused()
    {
        await Run("mkfifo", _files.Real("fifo"));
        Assert.Equal("path_refused", (await _files.Get.RunAsync("""{"path": "fifo"}""")).Reason(ErrorCode.PermissionDenied));
        Assert.Equal("path_refused", (await _files.Put.RunAsync("""{"path": "fifo", "content": "x"}""")).Reason(ErrorCode.PermissionDenied));
    }

    [Fact]
    public async Task A_folder_or_a_file_in_the_way_is_refused()
    {
        Directory.CreateDirectory(_files.Real("dir"));
        await File.WriteAllTextAsync(_files.Real("file"), "x", TestContext.Current.CancellationToken);
        Assert.Equal("path_refused", (await _files.Get.RunAsync("""{"path": "dir"}""")).Reason(ErrorCode.PermissionDenied));
        Assert.Equal("path_refused", (await _files.Put.RunAsync("""{"path": "dir", "content": "x"}""")).Reason(ErrorCode.PermissionDenied));
        Assert.Equal("path_refused", (await _files.Get.RunAsync("""{"path": "file/x"}""")).Reason(ErrorCode.PermissionDenied));
        Assert.Equal("path_refused", (await _files.Put.RunAsync("""{"path": "file/x", "content": "x"}""")).Reason(ErrorCode.PermissionDenied));
    }

    [Fact]
    public async Task The_walk_for_kernels_without_openat2_refuses_links_too()
    {
        var outside = Path.Combine(_files.Root, "outside");
        Directory.CreateDirectory(outside);
        await File.WriteAllTextAsync(Path.Combine(outside, "secret"), "secret", TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(_files.Real("deep/plain"), "x", TestContext.Current.CancellationToken);
        File.CreateSymbolicLink(_files.Real("folder"), outside);
        File.CreateSymbolicLink(_files.Real("link"), Path.Combine(outside, "secret"));
        using var tenant = new TenantFolders(_files.Root).Open("tenant-a");
        Linux.WalkBeneath(tenant, ["deep", "plain"], Linux.ReadOnly).Dispose();
        Assert.Throws<System.ComponentModel.Win32Exception>(() => Linux.WalkBeneath(tenant, ["folder", "secret"], Linux.ReadOnly));
        Assert.Throws<System.ComponentModel.Win32Exception>(() => Linux.WalkBeneath(tenant, ["link"], Linux.ReadOnly));
    }

    private static async Task Run(string program, params string[] arguments)
    {
        using var process = Process.Start(program, arguments);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(0, process.ExitCode);
    }
}
