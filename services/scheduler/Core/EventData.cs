using System.Buffers;
using System.Text.Json;
using Beamline.Contracts.Json;

namespace Beamline.Scheduler.Core;

/// <summary>The `data` objects of events and error details that the scheduler makes itself.</summary>
internal static class EventData
{
    public static RawJson Of(params ReadOnlySpan<(string Name, object? Value)> members)
    {
        var buffer = new ArrayBufferWriter<byte>(128);
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            foreach (var (name, value) in members)
            {
                switch (value)
                {
                    case null:
                        break;
                    case string text:
                        writer.WriteString(name, text);
                        break;
                    case long number:
                        writer.WriteNumber(name, number);
                        break;
                    case int number:
                        writer.WriteNumber(name, number);
                        break;
                    case IReadOnlyList<string> texts:
                        writer.WriteStartArray(name);
                        foreach (var each in texts)
                        {
                            writer.WriteStringValue(each);
                        }

                        writer.WriteEndArray();
                        break;
                    case bool flag:
                        writer.WriteBoolean(name, flag);
                        break;
                    default:
                        throw new ArgumentException($"No JSON form for a {value.GetType().Name}.", nameof(members));
                }
            }

            writer.WriteEndObject();
        }

        return new RawJson(buffer.WrittenMemory);
    }
}
