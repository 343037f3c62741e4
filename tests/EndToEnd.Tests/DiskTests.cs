using System.Net;
using System.Text.Json.Nodes;
using Beamline.TestKit;
using Beamline.TestKit.Outside;
using Beamline.TestKit.Processes;

namespace Beamline.EndToEnd.Tests;

/// <summary>A disk that is full to the last block, below the ledger and below the tenants' files: refused, kept, and well again with the first room.</summary>
[Collection(PlatformGroup.Name)]
public sealed class DiskTests(SharedPlatform platform) : IAsyncLifetime
{
    private readonly TemporaryFolder _folder = new();
    private readonly CancellationTokenSource _patience = new(TimeSpan.FromSeconds(60));
    private readonly GatewayClient _client = new(platform.Processes.Gateway);
    private SmallDisk? _disk;

    public async ValueTask InitializeAsync()
    {
        await platform.RestoreAsync();
        _disk = SmallDisk.TryMount(_folder.File("disk"), mebibytes: 8);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var name in (string[])["scheduler", "io-executor"])
        {
            await platform.Processes.KillAsync(name); // started again on the usual disk by the next test
        }

        _client.Dispose();
        _patience.Dispose();
        _disk?.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task With_the_ledgers_disk_full_submits_are_refused_what_was_accepted_is_kept_and_room_is_all_it_takes()
    {
        var disk = Disk();
        await RestartOnDiskAsync("scheduler", "Ledger:Folder", disk);
        var before = Ids("disk-before");
        await SubmitAllAsync(before);
        string[] results = await Task.WhenAll(before.Select(id => _client.ResultAsync(id, _patience.Token)));

        disk.Fill();
        var during = await SubmitUntilRefusedAsync("disk-full");

        Assert.False(platform.Processes["scheduler"].HasExited, platform.Processes["scheduler"].Output);
        Assert.Equal(results, await Task.WhenAll(before.Select(id => _client.ResultAsync(id, _patience.Token))));

        disk.Free();
        await SubmitAllAsync(during);
        foreach (var id in during)
        {
            Assert.Contains("\"success\"", await _client.ResultAsync(id, _patience.Token), StringComparison.Ordinal);
            await platform.Router.NextAsync(RouterApp.Results, result => RouterApp.IdOf(result) == id, _patience.Token);
        }

        Assert.False(platform.Processes["scheduler"].HasExited);
    }

    [Fact]
    public async Task With_the_file_roots_disk_full_a_write_fails_as_such_reads_go_on_and_the_next_write_succeeds_with_room()
    {
        var disk = Disk();
        await RestartOnDiskAsync("io-executor", "Fs:Root", disk);
        Assert.Equal("success", (await RunAsync("root-before", Put("kept.txt", "kept")))["status"]!.GetValue<string>());

        disk.Fill();
        var failed = await RunAsync("root-full", Put("new.txt", new string('x', 100_000)));
        Assert.Equal("error", failed["status"]!.GetValue<string>());
        Assert.Equal("resource_unavailable", failed["error"]!["code"]!.GetValue<string>());
        Assert.Equal("no_space", failed["error"]!["details"]!["reason"]!.GetValue<string>());
        var read = await RunAsync("root-read", new JsonObject { ["type"] = "fs.blob_get", ["path"] = "/kept.txt" });
        Assert.Equal("kept", read["result"]!["content"]!.GetValue<string>());
        var missing = await RunAsync("root-missing", new JsonObject { ["type"] = "fs.blob_get", ["path"] = "/new.txt" });
        Assert.Equal("error", missing["status"]!.GetValue<string>()); // no half of a file

        disk.Free();
        Assert.Equal("success", (await RunAsync("root-after", Put("new.txt", new string('x', 100_000))))["status"]!.GetValue<string>());
    }

    private static JsonObject Hash() => new() { ["type"] = "crypto.hash", ["algorithm"] = "sha256", ["content"] = new string('x', 50_000) };

    private static JsonObject Put(string path, string content) => new()
    {
        ["type"] = "fs.blob_put", ["path"] = "/" + path, ["content"] = content, ["retry"] = new JsonObject { ["max_retries"] = 1, ["backoff_ms"] = 10 },
    };

    private static string[] Ids(string name) => [.. Enumerable.Range(0, 3).Select(n => $"{name}-{n}")];

    private SmallDisk Disk()
    {
        Assert.SkipWhen(_disk is null, "this user may not mount a file system of a bounded size");
        return _disk!;
    }

    private async Task RestartOnDiskAsync(string process, string setting, SmallDisk disk)
    {
        await platform.Processes.KillAsync(process);
        await platform.Processes.StartAsync(process, new ProcessStart { Settings = new Dictionary<string, string?> { [setting] = disk.Path } });
    }

    // The ledger's own files have some room left in them: it is used up first. The last id is the refused one.
    private async Task<string[]> SubmitUntilRefusedAsync(string name)
    {
        List<string> ids = [];
        while (true)
        {
            ids.Add($"{name}-{ids.Count}");
            using var answer = await _client.PostAsync(GatewayClient.Assignment(ids[^1], Hash()), wait: false, _patience.Token);
            if (answer.StatusCode == HttpStatusCode.ServiceUnavailable)
            {
                Assert.NotNull(answer.Headers.RetryAfter);
                Assert.Contains("4002", await answer.Content.ReadAsStringAsync(_patience.Token), StringComparison.Ordinal);
                return [.. ids];
            }

            Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync(_patience.Token));
        }
    }

    private Task<string?[]> SubmitAllAsync(string[] ids) =>
        Task.WhenAll(ids.Select(id => _client.SubmitAsync(GatewayClient.Assignment(id, Hash()), wait: false, _patience.Token)));

    private async Task<JsonNode> RunAsync(string id, JsonObject job)
    {
        await _client.SubmitAsync(GatewayClient.Assignment(id, job), wait: false, _patience.Token);
        return JsonNode.Parse(await _client.ResultAsync(id, _patience.Token))!;
    }
}
