using System.Buffers;
using System.Text.Json;
using Beamline.Contracts.Json;

namespace Beamline.Contracts.Results;

/// <summary>Builds <c>error.details</c>.</summary>
public static class ErrorDetails
{
    /// <summary>An object of strings.</summary>
    public static RawJson Of(params IEnumerable<KeyValuePair<string, string>> members)
    {
        var buffer = new ArrayBufferWriter<byte>(128);
        using var writer = new Utf8JsonWriter(buffer);
        writer.WriteStartObject();
        foreach (var (name, value) in members)
        {
            writer.WriteString(name, value);
        }

        writer.WriteEndObject();
        writer.Flush();
        return new RawJson(buffer.WrittenMemory);
    }

    /// <summary>The given details with <c>block_type</c> in front. What is not an object stands under <c>value</c>.</summary>
    internal static RawJson WithBlockType(RawJson? details, string blockType)
    {
        var buffer = new ArrayBufferWriter<byte>(128 + (details?.Length ?? 0));
        using var writer = new Utf8JsonWriter(buffer);
        writer.WriteStartObject();
        writer.WriteString("block_type"u8, blockType);
        if (details is { IsEmpty: false } given)
        {
            WriteMembers(given, writer);
        }

        writer.WriteEndObject();
        writer.Flush();
        return new RawJson(buffer.WrittenMemory);
    }

    private static void WriteMembers(RawJson details, Utf8JsonWriter writer)
    {
        using var document = details.Parse();
        if (document.RootElement.ValueKind != JsonValueKind.Object)
        {
            writer.WritePropertyName("value"u8);
            document.RootElement.WriteTo(writer);
            return;
        }

        foreach (var member in document.RootElement.EnumerateObject())
        {
            if (!member.NameEquals("block_type"u8))
            {
                member.WriteTo(writer);
            }
        }
    }
}
