using System.Text;
using System.Text.Json;

namespace Beamline.Sidecar.Conformance.Tests.Recordings;

/// <summary>Reads <c>transcripts/*.json</c>, which are kept byte for byte as they were recorded.</summary>
internal static class RecordedCases
{
    public static IReadOnlyList<string> Files { get; } =
    [
        "publish", "bulk-publish", "subscribe", "subscribe-answers", "state", "invoke", "metadata-health", "secrets",
    ];

    private static readonly Lazy<IReadOnlyDictionary<string, IReadOnlyList<RecordedCase>>> Loaded =
        new(() => Files.ToDictionary(file => file, Load));

    public static IReadOnlyList<RecordedCase> Of(string file) => Loaded.Value[file];

    public static IEnumerable<RecordedCase> All => Files.SelectMany(Of);

    private static IReadOnlyList<RecordedCase> Load(string file)
    {
        var path = Path.Combine(AppContext.BaseDirectory, "transcripts", file + ".json");
        using var document = JsonDocument.Parse(File.ReadAllBytes(path));
        return [.. document.RootElement.EnumerateArray().Select(item => Read(file, item.Clone()))];
    }

    private static RecordedCase Read(string file, JsonElement item) => new()
    {
        File = file,
        Name = item.GetProperty("name").GetString()!,
        Setup = [.. Items(item, "setup").Select(line => line.GetString()!)],
        Request = Optional(item, "request", Message),
        Response = Optional(item, "response", Response),
        Wire = item.TryGetProperty("on_the_wire", out var wire) ? [.. wire.EnumerateArray().Select(Wire)] : null,
        AppReceives = [.. Items(item, "app_receives").Select(Message)],
        AppAnswers = Answers(item),
        Effect = item.TryGetProperty("effect", out var effect) ? effect.GetString()! : "",
        PlainMessage = Optional(item, "plain_nats_message", Wire),
        Handshake = Optional(item, "request_to_app", Message),
        HandshakeAnswer = item.TryGetProperty("app_response", out var answer) && answer.TryGetProperty("body", out var body)
            ? body.GetRawText()
            : null,
    };

    private static RecordedMessage Message(JsonElement item) => new(
        item.GetProperty("method").GetString()!,
        item.GetProperty("path").GetString()!,
        Headers(item),
        Body(item),
        item.TryGetProperty("body_note", out var note) ? note.GetString() : null);

    private static RecordedResponse Response(JsonElement item) => new(
        item.GetProperty("status").GetInt32(),
        Headers(item),
        Body(item),
        item.TryGetProperty("body_extract", out var extract) ? extract : null);

    private static RecordedWireMessage Wire(JsonElement item) => new(
        item.GetProperty("subject").GetString()!,
        Headers(item).TryGetValue("Nats-Msg-Id", out var id) ? id[0] : null,
        Body(item));

    private static Dictionary<string, ScriptedAnswer> Answers(JsonElement item) =>
        item.TryGetProperty("app_answers", out var answers)
            ? answers.EnumerateObject().ToDictionary(
                answer => answer.Name,
                answer => ScriptedAnswer.Of(
                    answer.Value.GetProperty("status").GetInt32(), answer.Value.GetProperty("body").GetString()!))
            : [];

    private static Dictionary<string, string[]> Headers(JsonElement item)
    {
        var headers = new Dictionary<string, string[]>(StringComparer.OrdinalIgnoreCase);
        if (item.TryGetProperty("headers", out var recorded) && recorded.ValueKind == JsonValueKind.Object)
        {
            foreach (var header in recorded.EnumerateObject())
            {
                headers[header.Name] = header.Value.ValueKind == JsonValueKind.Array
                    ? [.. header.Value.EnumerateArray().Select(value => value.GetString()!)]
                    : [header.Value.GetString()!];
            }
        }

        return headers;
    }

    private static byte[] Body(JsonElement item) =>
        item.TryGetProperty("body_base64", out var base64) ? base64.GetBytesFromBase64()
        : item.TryGetProperty("body", out var text) && text.ValueKind == JsonValueKind.String ? Encoding.UTF8.GetBytes(text.GetString()!)
        : [];

    private static JsonElement[] Items(JsonElement item, string name) =>
        item.TryGetProperty(name, out var list) && list.ValueKind == JsonValueKind.Array ? [.. list.EnumerateArray()] : [];

    private static T? Optional<T>(JsonElement item, string name, Func<JsonElement, T> read)
        where T : class =>
        item.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Object ? read(value) : null;
}
