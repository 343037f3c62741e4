using System.Text.Json;
using Beamline.Contracts;
using Beamline.Contracts.Errors;
using Beamline.Gateway.Requests;

namespace Beamline.Gateway.Submission;

/// <summary>Cuts a batch's body into its tasks, without copying. The body is an array of assignments, or <c>{"tasks": [ … ]}</c>.</summary>
internal static class BatchSplitter
{
    private static readonly JsonReaderOptions Options = new() { MaxDepth = WireLimits.MaxJsonDepth + 2 };

    public static bool TrySplit(ReadOnlyMemory<byte> body, int maxTasks, out List<ReadOnlyMemory<byte>> tasks, out RequestFault? fault)
    {
        tasks = [];
        fault = null;
        try
        {
            var reader = new Utf8JsonReader(body.Span, Options);
            if (!FindArray(ref reader))
            {
                fault = RequestFault.Invalid("tasks", "A batch is an array of assignments, or an object with such an array as its one member 'tasks'.", ErrorCode.InvalidFormat);
                return false;
            }

            while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
            {
                var start = (int)reader.TokenStartIndex;
                reader.Skip();
                tasks.Add(body[start..(int)reader.BytesConsumed]);
                if (tasks.Count > maxTasks)
                {
                    fault = RequestFault.Invalid("tasks", $"A batch holds {maxTasks} tasks at most.");
                    return false;
                }
            }

            // Whatever follows must be the end of the object, and then the end.
            while (reader.Read())
            {
                if (reader.TokenType != JsonTokenType.EndObject)
                {
                    fault = RequestFault.Invalid("tasks", "Beside 'tasks' a batch has no members.");
                    return false;
                }
            }

            return true;
        }
        catch (JsonException broken)
        {
            fault = RequestFault.Invalid("tasks", "The body is not valid JSON: " + broken.Message, ErrorCode.InvalidFormat);
            return false;
        }
    }

    private static bool FindArray(ref Utf8JsonReader reader)
    {
        if (!reader.Read())
        {
            return false;
        }

        if (reader.TokenType == JsonTokenType.StartObject && reader.Read() && reader.TokenType == JsonTokenType.PropertyName && reader.ValueTextEquals("tasks"u8))
        {
            reader.Read();
        }

        return reader.TokenType == JsonTokenType.StartArray;
    }
}
