using System.Text;
using System.Text.Json;
using Beamline.Sidecar.Conformance.Tests.Hosts;
using Beamline.Sidecar.Conformance.Tests.Recordings;

namespace Beamline.Sidecar.Conformance.Tests.Replay;

/// <summary>
/// Replays one file of recordings from its start, in its order, on empty stores, and says for each case where the sidecar differs.
/// </summary>
internal sealed class FileReplay
{
    private static readonly TimeSpan AckWait = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(100);

    private readonly Transport _transport;
    private readonly Stage _stage;
    private readonly BusProbe _bus;
    private readonly CancellationToken _cancellation;
    private readonly Dictionary<string, string> _etags = []; // as recorded → as answered here
    private readonly HashSet<string> _messageIds = []; // in the stream's window, so a second one is not stored

    private FileReplay(Transport transport, Stage stage, CancellationToken cancellation)
    {
        _transport = transport;
        _stage = stage;
        _bus = new BusProbe(stage);
        _cancellation = cancellation;
    }

    /// <summary>By the name of the case: where it differs, in words. An empty list is a case held.</summary>
    public static async Task<IReadOnlyDictionary<string, IReadOnlyList<string>>> RunAsync(
        Transport transport, string file, CancellationToken cancellation)
    {
        await using var stage = Stage.For(transport);
        var replay = new FileReplay(transport, stage, cancellation);
        var cases = RecordedCases.Of(file);
        if (cases.Any(UsesBus))
        {
            await stage.MainAsync(cancellation);
            await replay._bus.WarmUpAsync(cancellation);
        }

        var differences = new Dictionary<string, IReadOnlyList<string>>();
        foreach (var recorded in cases)
        {
            differences.Add(recorded.Name, await replay.RunAsync(recorded));
        }

        return differences;
    }

    private static bool UsesBus(RecordedCase recorded) =>
        recorded.PlainMessage is not null || recorded.Handshake is not null
        || (recorded.Request is { } request && request.Path.Contains("/publish/", StringComparison.Ordinal));

    private async Task<IReadOnlyList<string>> RunAsync(RecordedCase recorded)
    {
        try
        {
            await _stage.TurnAsync(recorded, _cancellation);
            if (_transport != Transport.Daprd && CaseTable.Rows.TryGetValue(recorded.Id, out var row) && row.Verdict == Verdict.Refused)
            {
                return [.. await RefusalAsync(recorded, row.Reason)];
            }

            return recorded switch
            {
                { Handshake: not null } => [.. HandshakeOf(recorded)],
                _ when UsesBus(recorded) => [.. await BusAsync(recorded)],
                _ => [.. await ExchangeAsync(recorded)],
            };
        }
        catch (Exception failure) when (failure is not OperationCanceledException || !_cancellation.IsCancellationRequested)
        {
            return [$"{failure.GetType().Name}: {failure.Message}"];
        }
    }

    private IEnumerable<string> HandshakeOf(RecordedCase recorded) =>
        Comparison.Requests([recorded.Handshake!], _stage.App.Handshakes.Where(request => request.Target == recorded.Handshake!.Path));

    private async Task<IEnumerable<string>> ExchangeAsync(RecordedCase recorded)
    {
        _stage.Callee.Forget();
        var answered = await SendAsync(recorded);
        return [.. Comparison.Responses(recorded, answered), .. Comparison.Requests(recorded.AppReceives, _stage.Callee.Received)];
    }

    private async Task<IEnumerable<string>> BusAsync(RecordedCase recorded)
    {
        _stage.App.Forget();
        _stage.Observer.Forget();
        _stage.Script(recorded.AppAnswers);
        var differences = new List<string>();
        if (recorded.PlainMessage is { } message)
        {
            await PublishRawAsync(message);
        }
        else
        {
            differences.AddRange(Comparison.Responses(recorded, await SendAsync(recorded)));
        }

        await _bus.WaitForDeliveriesAsync(recorded.AppReceives.Count, _cancellation);
        if (recorded.IsRedelivered)
        {
            differences.AddRange(await RedeliveryAsync(recorded));
        }
        else if (recorded.Effect.Length > 0)
        {
            await (await _stage.MainHostAsync(_cancellation)).PassAsync(AckWait + Moment, _cancellation);
        }

        return differences.Concat(await SettledAsync(recorded));
    }

    /// <summary>Not a moment before ackWait, and then the same event again.</summary>
    private async Task<IEnumerable<string>> RedeliveryAsync(RecordedCase recorded)
    {
        var host = await _stage.MainHostAsync(_cancellation);
        var first = recorded.AppReceives.Count;
        await host.PassAsync(AckWait - (2 * Moment), _cancellation);
        await _bus.SettleBesideAsync(_cancellation);
        if (_bus.Deliveries.Count != first)
        {
            return ["redelivered before ackWait was over"];
        }

        await host.PassAsync(3 * Moment, _cancellation);
        await _bus.WaitForDeliveriesAsync(first + 1, _cancellation);
        var deliveries = _bus.Deliveries;
        return deliveries[first].Text == deliveries[0].Text ? [] : [$"redelivered as {deliveries[first].Text}, first {deliveries[0].Text}"];
    }

    private async Task<IEnumerable<string>> SettledAsync(RecordedCase recorded)
    {
        await _bus.SettleAsync(TopicOf(recorded), _cancellation);
        var extra = recorded.IsRedelivered ? 1 : 0;
        var deliveries = _bus.Deliveries;
        var differences = Comparison.Requests(recorded.AppReceives, deliveries.Take(deliveries.Count - extra));
        if (recorded.Wire is null)
        {
            return differences;
        }

        // A stream stores no second message with the same id; the recorder stood before the stream.
        var stored = recorded.Wire.Where(message => message.MessageId is null || _messageIds.Add(message.MessageId)).ToList();
        await _bus.WaitForWireAsync(stored.Count, _cancellation);
        return [.. differences, .. Comparison.Wires(stored, _bus.Wire)];
    }

    private async Task<IEnumerable<string>> RefusalAsync(RecordedCase recorded, string word)
    {
        var topic = TopicOf(recorded);
        var subscription = RecordedWorlds.Subscriptions.FirstOrDefault(
            item => RecordedWorlds.IsRefusedKind(item) && item.GetProperty("topic").GetString() == topic);
        if (subscription.ValueKind == JsonValueKind.Object)
        {
            var objection = await _stage.ObjectionToAsync(subscription, _cancellation);
            return objection.Contains(word, StringComparison.Ordinal) ? [] : [$"the handshake was not refused for '{word}': {objection}"];
        }

        var answered = await SendAsync(recorded);
        var error = Json.Parse(answered.Text);
        return answered.Status >= 400 && error?["errorCode"] is not null && ((string?)error["message"] ?? "").Contains(word, StringComparison.Ordinal)
            ? []
            : [$"not refused for '{word}': {answered.Status} {answered.Text}"];
    }

    private async Task<Answered> SendAsync(RecordedCase recorded)
    {
        var request = recorded.Request!;
        var client = await _stage.ClientAsync(recorded, _cancellation);
        var body = request.BodyNote is null ? WithKnownEtags(request.Body) : BigBodies.Of(recorded);
        var bodiless = body.Length == 0 && request.Method is "GET" or "HEAD" or "DELETE" or "OPTIONS";
        var answered = await client.SendAsync(
            request.Method,
            request.Path,
            request.Headers.SelectMany(header => header.Value.Select(value => (header.Key, WithKnownEtags(value)))),
            bodiless ? null : body,
            _cancellation);
        if (recorded.Response!.Headers.TryGetValue("Etag", out var etag) && answered.Header("Etag") is { } here)
        {
            _etags[etag[0]] = here;
        }

        return answered;
    }

    private async Task PublishRawAsync(RecordedWireMessage message)
    {
        var client = await _stage.MainAsync(_cancellation);
        var answered = await client.SendAsync(
            "POST",
            $"/v1.0/publish/js/{message.Subject}?metadata.rawPayload=true",
            [("content-type", "application/octet-stream")],
            message.Body,
            _cancellation);
        if (answered.Status != 204)
        {
            throw new InvalidOperationException($"the raw publish was answered {answered.Status} {answered.Text}");
        }
    }

    /// <summary>A request that carries an etag means the one which the store gave out for that item, here another one.</summary>
    private string WithKnownEtags(string text) =>
        _etags.Aggregate(text, (filled, etag) => filled.Replace(etag.Key, etag.Value, StringComparison.Ordinal));

    private byte[] WithKnownEtags(byte[] body) =>
        _etags.Keys.Any(etag => body.AsSpan().IndexOf(Encoding.UTF8.GetBytes(etag)) >= 0)
            ? Encoding.UTF8.GetBytes(WithKnownEtags(Encoding.UTF8.GetString(body)))
            : body;

    private static string TopicOf(RecordedCase recorded)
    {
        var path = recorded.Request?.Path.Split('?')[0] ?? recorded.PlainMessage!.Subject;
        return Uri.UnescapeDataString(path[(path.LastIndexOf('/') + 1)..]);
    }
}
