using System.Text.Json;
using Beamline.Contracts.Json;
using Beamline.Contracts.Tasks;

namespace Beamline.Gateway.Waiting;

/// <summary>
/// Reads a WatchLine whose results are slices of the line itself: each is the client's answer as it is, and copying
/// every one of them would be the gateway's largest cost.
/// </summary>
internal static class WatchLineReader
{
    /// <summary>Calls <paramref name="ended"/> for each task that ended.</summary>
    /// <returns>True for the stream's first line.</returns>
    /// <exception cref="JsonException">This is no watch line.</exception>
    public static bool Read(ReadOnlyMemory<byte> line, Action<TaskKey, RawJson> ended)
    {
        var opened = false;
        var reader = new Utf8JsonReader(line.Span);
        Expect(ref reader, JsonTokenType.StartObject);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("ended"u8))
            {
                ReadEnded(ref reader, line, ended);
            }
            else if (reader.ValueTextEquals("opened"u8))
            {
                reader.Read();
                opened = reader.TokenType == JsonTokenType.True;
            }
            else
            {
                reader.Read();
                reader.Skip();
            }
        }

        return opened;
    }

    private static void ReadEnded(ref Utf8JsonReader reader, ReadOnlyMemory<byte> line, Action<TaskKey, RawJson> ended)
    {
        reader.Read();
        if (reader.TokenType == JsonTokenType.Null)
        {
            return;
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.StartObject)
        {
            var (tenant, assignment, result) = ("", "", default(RawJson));
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                if (reader.ValueTextEquals("tenant_id"u8))
                {
                    reader.Read();
                    tenant = reader.GetString() ?? "";
                }
                else if (reader.ValueTextEquals("assignment_id"u8))
                {
                    reader.Read();
                    assignment = reader.GetString() ?? "";
                }
                else
                {
                    var isResult = reader.ValueTextEquals("result"u8);
                    reader.Read();
                    var start = (int)reader.TokenStartIndex;
                    reader.Skip();
                    result = isResult ? new RawJson(line[start..(int)reader.BytesConsumed]) : result;
                }
            }

            if (result.IsEmpty)
            {
                throw new JsonException("An ended task has no result.");
            }

            ended(new TaskKey(tenant, assignment), result);
        }
    }

    private static void Expect(ref Utf8JsonReader reader, JsonTokenType token)
    {
        if (!reader.Read() || reader.TokenType != token)
        {
            throw new JsonException("A watch line is a JSON object.");
        }
    }
}
