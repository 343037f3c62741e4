using System.Buffers;
using System.Text.Json;
using Beamline.Contracts.Errors;
using Beamline.Contracts.Json;

namespace Beamline.ExecutorHost.Blocks;

/// <summary>Writes <c>{"field": first, "faults": [{code, number, field, message}…]}</c>.</summary>
internal static class FaultDetails
{
    public static RawJson Of(IReadOnlyList<Fault> faults)
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            if (faults[0].Field is { } first)
            {
                writer.WriteString("field", first);
            }

            writer.WriteStartArray("faults");
            foreach (var fault in faults)
            {
                writer.WriteStartObject();
                writer.WriteString("code", ErrorCatalogue.NameOf(fault.Code));
                writer.WriteNumber("number", (int)fault.Code);
                writer.WriteString("field", fault.Field);
                writer.WriteString("message", fault.Message);
                writer.WriteEndObject();
            }

            writer.WriteEndArray();
            writer.WriteEndObject();
        }

        return new RawJson(buffer.WrittenMemory);
    }
}
