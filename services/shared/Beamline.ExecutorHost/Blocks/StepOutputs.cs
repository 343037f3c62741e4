using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using Beamline.Contracts.Json;

namespace Beamline.ExecutorHost.Blocks;

/// <summary>Writes a block's outputs, or an error's details, as one JSON object.</summary>
public static class StepOutputs
{
    // A buffer that one large output has grown is not kept.
    private const int MaxKeptBytes = 64 * 1024;

    [ThreadStatic]
    private static ArrayBufferWriter<byte>? _buffer;

    [ThreadStatic]
    private static Utf8JsonWriter? _writer;

    /// <summary><paramref name="members"/> writes the object's members; it must not write outputs of its own meanwhile.</summary>
    public static RawJson Write<TState>(TState state, Action<Utf8JsonWriter, TState> members)
    {
        ArgumentNullException.ThrowIfNull(members);
        var buffer = _buffer ??= new ArrayBufferWriter<byte>(1024);
        // Quotes and markup stay readable and short: outputs are JSON in JSON, never pasted into a page.
        var writer = _writer ??= new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
        var kept = false;
        try
        {
            writer.WriteStartObject();
            members(writer, state);
            writer.WriteEndObject();
            writer.Flush();
            kept = buffer.Capacity <= MaxKeptBytes;
            return new RawJson(buffer.WrittenSpan.ToArray());
        }
        finally
        {
            buffer.ResetWrittenCount();
            writer.Reset();
            if (!kept)
            {
                (_buffer, _writer) = (null, null);
            }
        }
    }

    /// <summary><c>{"reason": …}</c>: the machine-readable cause in <c>error.details</c>.</summary>
    public static RawJson Reason(string reason) => Write(reason, static (json, text) => json.WriteString("reason", text));
}
