using System.Globalization;
using System.Text;
using System.Text.Json;
using Beamline.Contracts.Errors;
using Beamline.ExecutorHost.Blocks;
using SQLitePCL;

namespace Beamline.IoExecutor.Blocks.Sql;

/// <summary>
/// Binds a step's parameters to a statement, typed: null, boolean (1 or 0), whole number (64 bits), real, text, and
/// <c>{"base64": …}</c> for a blob. They never become part of the text.
/// </summary>
internal static class SqlParameters
{
    /// <summary>A list binds by position, an object by name (<c>:id</c>, <c>@id</c> and <c>$id</c> are the name <c>id</c>). Faults are added to the inputs.</summary>
    public static void Bind(sqlite3_stmt statement, StepInputs inputs)
    {
        var expected = raw.sqlite3_bind_parameter_count(statement);
        inputs.TryGet("parameters", out var given);
        switch (given.ValueKind)
        {
            case JsonValueKind.Object:
                BindByName(statement, expected, given, inputs);
                break;
            case JsonValueKind.Array:
                BindByPosition(statement, expected, given, inputs);
                break;
            case JsonValueKind.Undefined or JsonValueKind.Null when expected == 0:
                break;
            case JsonValueKind.Undefined or JsonValueKind.Null:
                Fault(inputs, ErrorCode.MissingRequiredField, "", $"is required: the query has {expected} parameters");
                break;
            default:
                Fault(inputs, ErrorCode.InvalidInput, "", "must be a list or an object");
                break;
        }
    }

    private static void BindByPosition(sqlite3_stmt statement, int expected, JsonElement list, StepInputs inputs)
    {
        if (list.GetArrayLength() != expected)
        {
            Fault(inputs, ErrorCode.InvalidInput, "", string.Create(CultureInfo.InvariantCulture, $"holds {list.GetArrayLength()} values; the query has {expected} parameters"));
            return;
        }

        var index = 0;
        foreach (var value in list.EnumerateArray())
        {
            BindOne(statement, ++index, value, inputs, string.Create(CultureInfo.InvariantCulture, $"[{index - 1}]"));
        }
    }

    private static void BindByName(sqlite3_stmt statement, int expected, JsonElement values, StepInputs inputs)
    {
        var used = new HashSet<string>(StringComparer.Ordinal);
        for (var index = 1; index <= expected; index++)
        {
            var name = raw.sqlite3_bind_parameter_name(statement, index).utf8_to_string()?[1..];
            if (name is null || !values.TryGetProperty(name, out var value))
            {
                Fault(inputs, ErrorCode.MissingRequiredField, "", name is null ? "must be a list: the query has parameters without names" : $"has no '{name}', which the query names");
                continue;
            }

            used.Add(name);
            BindOne(statement, index, value, inputs, "." + name);
        }

        foreach (var member in values.EnumerateObject().Where(member => !used.Contains(member.Name)))
        {
            Fault(inputs, ErrorCode.InvalidInput, "." + member.Name, "is not a parameter of the query");
        }
    }

    private static void BindOne(sqlite3_stmt statement, int index, JsonElement value, StepInputs inputs, string where)
    {
        var code = value.ValueKind switch
        {
            JsonValueKind.Null => raw.sqlite3_bind_null(statement, index),
            JsonValueKind.True => raw.sqlite3_bind_int64(statement, index, 1),
            JsonValueKind.False => raw.sqlite3_bind_int64(statement, index, 0),
            JsonValueKind.Number when value.TryGetInt64(out var whole) => raw.sqlite3_bind_int64(statement, index, whole),
            JsonValueKind.Number when IsReal(value) => raw.sqlite3_bind_double(statement, index, value.GetDouble()),
            JsonValueKind.String when TryText(value, out var text) => raw.sqlite3_bind_text(statement, index, text),
            JsonValueKind.Object when value.TryGetProperty("base64", out var base64) && base64.ValueKind == JsonValueKind.String && base64.TryGetBytesFromBase64(out var blob) =>
                blob.Length == 0 ? raw.sqlite3_bind_zeroblob(statement, index, 0) : raw.sqlite3_bind_blob(statement, index, blob),
            _ => -1,
        };
        if (code == -1)
        {
            Fault(inputs, ErrorCode.InvalidInput, where, "must be null, a boolean, a number within 64 bits, text, or {base64} with valid base64");
        }
        else if (code == raw.SQLITE_TOOBIG)
        {
            Fault(inputs, ErrorCode.InvalidInput, where, "is larger than Sql:MaxValueBytes");
        }
        else
        {
            SqliteFailure.Check(code, null);
        }
    }

    // A whole number beyond 64 bits would lose digits as a real: it is refused instead.
    private static bool IsReal(JsonElement number) => number.GetRawText().AsSpan().ContainsAny('.', 'e', 'E') && double.IsFinite(number.GetDouble());

    private static bool TryText(JsonElement value, out ReadOnlySpan<byte> text)
    {
        try
        {
            text = Encoding.UTF8.GetBytes(value.GetString()!);
            return true;
        }
        catch (InvalidOperationException)
        {
            // A lone surrogate escape.
            text = default;
            return false;
        }
    }

    private static void Fault(StepInputs inputs, ErrorCode code, string where, string what) =>
        inputs.AddFault(code, "parameters", $"{inputs.PathOf("parameters")}{where} {what}.");
}
