using System.Text.Json;
using Beamline.Sidecar.Conformance.Tests.Hosts;
using Beamline.Sidecar.Conformance.Tests.Recordings;
using Microsoft.AspNetCore.Http;

namespace Beamline.Sidecar.Conformance.Tests.Replay;

/// <summary>
/// The sidecars and apps of one file of recordings, started when a case first needs them, and the turns that the recording took
/// between two cases: time that passed, apps that were stopped.
/// </summary>
internal sealed class Stage(Transport transport) : IAsyncDisposable
{
    private readonly Dictionary<HostSettings, ReplayHost> _hosts = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<(HostSettings, string), SidecarClient> _clients = [];
    private IReadOnlyDictionary<string, ScriptedAnswer> _script = new Dictionary<string, ScriptedAnswer>();

    public RecordingApp App { get; private set; } = null!;

    public RecordingApp Callee { get; } = new("[]", RecordedCallee.AnswerAsync);

    /// <summary>Sees every message of the main sidecar's streams, as a raw subscription does.</summary>
    public RecordingApp Observer { get; } = RecordingApp.AnsweringOk(
        """
        [{"pubsubname":"js","topic":"beamline.>","route":"/wire","metadata":{"rawPayload":"true"}},
         {"pubsubname":"js","topic":"dead.>","route":"/wire","metadata":{"rawPayload":"true"}}]
        """);

    public static Stage For(Transport transport)
    {
        var stage = new Stage(transport);
        var subscriptions = RecordedWorlds.Subscriptions.Where(item => transport == Transport.Daprd || !RecordedWorlds.IsRefusedKind(item));
        stage.App = new RecordingApp(JsonSerializer.Serialize(subscriptions), stage.AnswerAsync);
        return stage;
    }

    /// <summary>The next delivery on each of these paths gets its answer, all others 200.</summary>
    public void Script(IReadOnlyDictionary<string, ScriptedAnswer> answers) => _script = answers;

    public Task<SidecarClient> MainAsync(CancellationToken cancellation) => GetAsync(RecordedWorlds.Main, "app1", cancellation);

    public async Task<ReplayHost> MainHostAsync(CancellationToken cancellation) => await HostAsync(RecordedWorlds.Main, cancellation);

    /// <summary>The sidecar that the case was recorded with.</summary>
    public async Task<SidecarClient> ClientAsync(RecordedCase recorded, CancellationToken cancellation)
    {
        var (settings, appId) = Place(recorded);
        var client = await GetAsync(settings, appId, cancellation);
        if (settings == RecordedWorlds.Invocation || settings == RecordedWorlds.Resilient)
        {
            await GetAsync(settings, "callee", cancellation);
        }

        return client;
    }

    /// <summary>Does what was done before the case, other than its request.</summary>
    public async Task TurnAsync(RecordedCase recorded, CancellationToken cancellation)
    {
        switch (recorded.Id)
        {
            case "state/sqlite: get-ttl-expired" or "state/memstate: get-ttl-expired":
                await (await MainHostAsync(cancellation)).PassAsync(TimeSpan.FromSeconds(3), cancellation);
                break;
            case "invoke/error-callee-app-down":
                await (await GetAsync(RecordedWorlds.Invocation, "callee", cancellation)).TakeAppDownAsync(cancellation);
                break;
            case "invoke/error-callee-sidecar-down":
                await (await GetAsync(RecordedWorlds.Invocation, "callee", cancellation)).RemoveAsync(cancellation);
                break;
        }
    }

    /// <summary>An app that asks for nothing but what is refused; the sidecar's objection, empty when it has none.</summary>
    public async Task<string> ObjectionToAsync(JsonElement subscription, CancellationToken cancellation)
    {
        var host = await HostAsync(RecordedWorlds.Main, cancellation);
        var app = new HostedApp("refused", RecordingApp.AnsweringOk($"[{subscription.GetRawText()}]"));
        var client = await host.AddAsync(app, cancellation);
        return string.Join('\n', client.Refusals);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var host in _hosts.Values)
        {
            await host.DisposeAsync();
        }
    }

    private static (HostSettings Settings, string AppId) Place(RecordedCase recorded)
    {
        var setup = recorded.Setup.Count > 0 ? recorded.Setup[0] : "";
        return setup switch
        {
            _ when recorded.Name == "self-invoke" => (RecordedWorlds.Invocation, "callee"),
            _ when recorded.Name.EndsWith("sampling-1", StringComparison.Ordinal) => (RecordedWorlds.Main, "traced"),
            _ when recorded.Setup.Any(line => line.Contains("secrets.scopes", StringComparison.Ordinal)) => (RecordedWorlds.Main, "scoped"),
            "no component" => (RecordedWorlds.Bare, "bare"),
            "sidecar without app and components" => (RecordedWorlds.Bare, "caller"),
            "sidecar whose app does not listen yet" => (RecordedWorlds.Main, "late"),
            "sidecar started with DAPR_API_TOKEN=sesame" => (RecordedWorlds.WithToken, "app1"),
            "two sidecars" => (RecordedWorlds.Resilient, "rescaller"),
            _ when setup.StartsWith("two sidecars,", StringComparison.Ordinal) => (RecordedWorlds.Invocation, "caller"),
            _ => (RecordedWorlds.Main, "app1"),
        };
    }

    private async Task<SidecarClient> GetAsync(HostSettings settings, string appId, CancellationToken cancellation)
    {
        if (!_clients.TryGetValue((settings, appId), out var client))
        {
            var host = await HostAsync(settings, cancellation);
            client = await host.AddAsync(Cast(settings, appId), cancellation);
            _clients.Add((settings, appId), client);
            if (settings == RecordedWorlds.Main && appId == "app1")
            {
                await host.AddAsync(new HostedApp("observer", Observer), cancellation);
            }
        }

        return client;
    }

    private HostedApp Cast(HostSettings settings, string appId) => appId switch
    {
        "app1" when settings == RecordedWorlds.Main => new HostedApp(appId, App),
        "callee" => new HostedApp(appId, Callee),
        "late" => new HostedApp(appId, RecordingApp.AnsweringOk()) { IsDown = true },
        "traced" => new HostedApp(appId) { IsTraced = true },
        "scoped" => new HostedApp(appId) { Configuration = RecordedWorlds.SecretScopes },
        _ => new HostedApp(appId),
    };

    private async Task<ReplayHost> HostAsync(HostSettings settings, CancellationToken cancellation)
    {
        if (!_hosts.TryGetValue(settings, out var host))
        {
            host = await ReplayHost.StartAsync(transport, settings, cancellation);
            _hosts.Add(settings, host);
        }

        return host;
    }

    private Task AnswerAsync(ReceivedRequest request, HttpContext context)
    {
        var script = _script;
        if (!script.TryGetValue(request.Target, out var answer) || BusProbe.IsFence(request))
        {
            return Task.CompletedTask;
        }

        _script = script.Where(entry => entry.Key != request.Target).ToDictionary();
        return RecordingApp.AnswerAsync(context, answer.Status, "application/json", answer.Body);
    }
}
