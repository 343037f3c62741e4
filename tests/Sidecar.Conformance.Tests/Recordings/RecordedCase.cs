using System.Text;
using System.Text.Json;

namespace Beamline.Sidecar.Conformance.Tests.Recordings;

/// <summary>One exchange with the real runtime, as <c>transcripts/README.md</c> describes its fields.</summary>
internal sealed record RecordedCase
{
    public required string File { get; init; }
    public required string Name { get; init; }
    public required IReadOnlyList<string> Setup { get; init; }
    public RecordedMessage? Request { get; init; }
    public RecordedResponse? Response { get; init; }

    /// <summary>What passed on the wire; null when the recording did not watch it.</summary>
    public IReadOnlyList<RecordedWireMessage>? Wire { get; init; }

    public required IReadOnlyList<RecordedMessage> AppReceives { get; init; }
    public required IReadOnlyDictionary<string, ScriptedAnswer> AppAnswers { get; init; }
    public required string Effect { get; init; }

    /// <summary>Published by a client of the broker instead of <see cref="Request"/>.</summary>
    public RecordedWireMessage? PlainMessage { get; init; }

    /// <summary>What the sidecar asks the app by itself once the app is there.</summary>
    public RecordedMessage? Handshake { get; init; }

    /// <summary>The app's answer to <see cref="Handshake"/>, as JSON.</summary>
    public string? HandshakeAnswer { get; init; }

    public string Id => $"{File}/{Name}";

    public bool IsRedelivered => Effect.StartsWith("redelivered", StringComparison.Ordinal);
}

internal sealed record RecordedMessage(
    string Method, string Path, IReadOnlyDictionary<string, string[]> Headers, byte[] Body, string? BodyNote);

internal sealed record RecordedResponse(
    int Status, IReadOnlyDictionary<string, string[]> Headers, byte[] Body, JsonElement? Extract);

/// <param name="MessageId">The broker's header for deduplication, when the message carried one.</param>
internal sealed record RecordedWireMessage(string Subject, string? MessageId, byte[] Body);

internal sealed record ScriptedAnswer(int Status, byte[] Body)
{
    public static ScriptedAnswer Ok { get; } = new(200, []);

    public static ScriptedAnswer Of(int status, string body = "") => new(status, Encoding.UTF8.GetBytes(body));
}
