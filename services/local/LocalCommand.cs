using System.CommandLine;
using System.CommandLine.Parsing;
using Beamline.Local.Demo;
using Beamline.Local.Platform;
using Beamline.Observability;
using Beamline.Sidecar;

namespace Beamline.Local;

/// <summary>The command line of <c>local</c>. What it does not know goes on to the services.</summary>
internal sealed class LocalCommand
{
    private readonly Option<string> _data = new("--data") { Description = "Folder for the ledger, the bus and the tenants' files.", DefaultValueFactory = _ => "./.beamline" };
    private readonly Option<string> _urls = new("--urls") { Description = "Where the gateway listens.", DefaultValueFactory = _ => "http://127.0.0.1:8080" };
    private readonly Option<string?> _components = new("--components") { Description = "Folder of Dapr components; by default the ones that come with Beamline." };
    private readonly Option<bool> _demo = new("--demo") { Description = "Run a dozen real tasks, judge their results, exit." };
    private readonly Option<bool> _sabotage = new("--sabotage") { Description = "With --demo: alter one task; the demo must fail." };
    private readonly Option<Uri?> _gateway = new("--gateway") { Description = "With --demo: use the platform that runs behind this gateway.", CustomParser = ReadAddress };

    public RootCommand Build()
    {
        var root = new RootCommand("Beamline in one process, on an embedded sidecar.") { _data, _urls, _components, _demo, _sabotage, _gateway };
        root.TreatUnmatchedTokensAsErrors = false;
        root.Validators.Add(given =>
        {
            if (!given.GetValue(_demo) && (given.GetValue(_sabotage) || given.GetResult(_gateway) is not null))
            {
                given.AddError("--sabotage and --gateway go with --demo");
            }
        });
        root.SetAction(RunAsync);
        return root;
    }

    private async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        // System.CommandLine takes the signals only once this has given way: before, SIGTERM would end the process on the spot.
        await Task.Yield();
        try
        {
            return await (parsed.GetValue(_demo) ? DemoAsync(parsed, cancellation) : ServeAsync(parsed, cancellation));
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            return 0;
        }
        catch (Exception failure) when (((failure as SidecarConfigurationException)?.Message ?? StartFailure.Describe(failure)) is { } fault)
        {
            await Console.Error.WriteLineAsync($"local: {fault}");
            return StartFailure.ExitCode;
        }
    }

    private async Task<int> ServeAsync(ParseResult parsed, CancellationToken cancellation)
    {
        await using var platform = await LocalPlatform.StartAsync(Options(parsed, []), cancellation);
        await Console.Out.WriteLineAsync($"Beamline is ready at {platform.Gateway}");
        var stopped = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var registration = cancellation.Register(stopped.SetResult);
        await stopped.Task;
        await Console.Out.WriteLineAsync("Beamline is draining");
        return 0;
    }

    private async Task<int> DemoAsync(ParseResult parsed, CancellationToken cancellation)
    {
        await using var web = await DemoWebServer.StartAsync(cancellation);
        if (parsed.GetValue(_gateway) is { } gateway)
        {
            return await DemoCommand.RunAsync(gateway, web, parsed.GetValue(_sabotage), cancellation);
        }

        // Blocks may not reach the loopback unless it is listed: the demo lists its own page, and keeps the logs off the screen.
        var settings = new Dictionary<string, string?>
        {
            ["Http:Egress:Allow:0"] = web.Address.Authority,
            ["Logging:Console"] = "false",
        };
        await using var platform = await LocalPlatform.StartAsync(Options(parsed, settings), cancellation);
        return await DemoCommand.RunAsync(platform.Gateway, web, parsed.GetValue(_sabotage), cancellation);
    }

    private static Uri? ReadAddress(ArgumentResult given)
    {
        if (Uri.TryCreate(given.Tokens[0].Value, UriKind.Absolute, out var address) && address.Scheme is "http" or "https")
        {
            return address;
        }

        given.AddError($"--gateway is \"{given.Tokens[0].Value}\"; expected an address such as http://127.0.0.1:8080");
        return null;
    }

    private LocalOptions Options(ParseResult parsed, Dictionary<string, string?> settings) => new()
    {
        DataDirectory = Path.GetFullPath(parsed.GetValue(_data)!),
        Urls = parsed.GetResult(_urls) is null or { Implicit: true } && parsed.GetValue(_demo) ? "http://127.0.0.1:0" : parsed.GetValue(_urls)!,
        ComponentsPath = parsed.GetValue(_components) ?? Path.Combine(AppContext.BaseDirectory, "components"),
        ServiceArguments = [.. parsed.UnmatchedTokens],
        Settings = settings,
    };
}
