using System.Collections.Frozen;
using System.Text.Json;
using Beamline.Contracts.Errors;

namespace Beamline.Contracts.Assignments;

/// <summary>
/// Reads the known fields of one JSON object and notes every fault with its path. A faulty field reads as if left out.
/// JSON null counts as left out. Without a list of faults it notes nothing.
/// </summary>
internal readonly struct FieldReader(JsonElement element, string path, List<Fault>? faults)
{
    public JsonElement Element => element;

    public void Fault(ErrorCode code, string field, string message) => faults?.Add(new Fault(code, path + field, message));

    /// <summary>1 to 128 printable ASCII characters; empty when missing or faulty.</summary>
    public string RequiredId(string field) => Id(field) ?? Missing(field);

    public string? Id(string field)
    {
        if (!TryString(field, out var text))
        {
            return null;
        }

        if (WireId.IsValid(text))
        {
            return text;
        }

        Fault(ErrorCode.InvalidFormat, field, "An id is 1 to 128 printable ASCII characters.");
        return null;
    }

    /// <summary>Becomes a token of a subject, so it is narrower than other ids.</summary>
    public string RequiredTenantId(string field)
    {
        if (!TryString(field, out var text))
        {
            return Missing(field);
        }

        if (TenantId.IsValid(text))
        {
            return text;
        }

        Fault(ErrorCode.InvalidFormat, field, "A tenant id is 1 to 64 characters of A-Z a-z 0-9 _ -.");
        return "";
    }

    public string RequiredText(string field, int maxLength)
    {
        var text = Text(field, maxLength);
        if (text is "")
        {
            Fault(ErrorCode.InvalidFormat, field, $"{path}{field} must not be empty.");
        }

        return text ?? Missing(field);
    }

    public string? Text(string field, int maxLength)
    {
        if (!TryString(field, out var text))
        {
            return null;
        }

        if (text.Length <= maxLength)
        {
            return text;
        }

        Fault(ErrorCode.InvalidFormat, field, $"At most {maxLength} characters are allowed.");
        return null;
    }

    public string? TextOrIgnore(string field) =>
        element.TryGetProperty(field, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    public int? Int(string field, int min, int max) => (int?)Long(field, min, max);

    public long? Long(string field, long min, long max)
    {
        if (!TryGet(field, out var value))
        {
            return null;
        }

        if (value.ValueKind != JsonValueKind.Number)
        {
            return WrongType<long>(field, "an integer");
        }

        if (value.TryGetInt64(out var number))
        {
            if (number >= min && number <= max)
            {
                return number;
            }

            Fault(ErrorCode.InvalidInput, field, $"{number} is out of range: {min} to {max}.");
            return null;
        }

        // Too large for 64 bits, or with a fraction.
        return WrongType<long>(field, "an integer");
    }

    public bool? Bool(string field)
    {
        if (!TryGet(field, out var value))
        {
            return null;
        }

        return value.ValueKind switch
        {
            JsonValueKind.True => true,
            JsonValueKind.False => false,
            _ => WrongType<bool>(field, "true or false"),
        };
    }

    public bool RequiredBool(string field)
    {
        if (Bool(field) is { } value)
        {
            return value;
        }

        Missing(field);
        return false;
    }

    public long RequiredLong(string field, long min, long max)
    {
        if (Long(field, min, max) is { } value)
        {
            return value;
        }

        Missing(field);
        return 0;
    }

    /// <summary>A list of 1 to <paramref name="most"/> ids; empty when missing or faulty.</summary>
    public IReadOnlyList<string> RequiredIds(string field, int most)
    {
        if (!TryGet(field, out var value))
        {
            Missing(field);
            return [];
        }

        if (value.ValueKind != JsonValueKind.Array)
        {
            WrongType<bool>(field, "a list of strings");
            return [];
        }

        var count = value.GetArrayLength();
        if (count == 0 || count > most)
        {
            Fault(ErrorCode.InvalidInput, field, $"The list has {count} entries; it must have 1 to {most}.");
            return [];
        }

        var ids = new List<string>(count);
        foreach (var item in value.EnumerateArray())
        {
            if (item.ValueKind != JsonValueKind.String || item.GetString() is not { } id || !WireId.IsValid(id))
            {
                Fault(ErrorCode.InvalidFormat, $"{field}[{ids.Count}]", "An id is a string of 1 to 128 printable ASCII characters.");
                return [];
            }

            ids.Add(id);
        }

        return ids;
    }

    public FieldReader? RequiredObject(string field)
    {
        if (TryGet(field, out _))
        {
            return Object(field);
        }

        Missing(field);
        return null;
    }

    public FieldReader? Object(string field) =>
        ObjectElement(field) is { } value ? new FieldReader(value, path + field + ".", faults) : null;

    public JsonElement? ObjectElement(string field)
    {
        if (!TryGet(field, out var value))
        {
            return null;
        }

        return value.ValueKind == JsonValueKind.Object ? value : WrongType<JsonElement>(field, "an object");
    }

    /// <summary>Every member but those named; null when there is none.</summary>
    public Dictionary<string, JsonElement>? Rest(FrozenSet<string> named)
    {
        Dictionary<string, JsonElement>? rest = null;
        foreach (var member in element.EnumerateObject())
        {
            var name = member.Name;
            if (!named.Contains(name))
            {
                (rest ??= new(StringComparer.Ordinal))[name] = member.Value;
            }
        }

        return rest;
    }

    private bool TryGet(string field, out JsonElement value) =>
        element.TryGetProperty(field, out value) && value.ValueKind != JsonValueKind.Null;

    private bool TryString(string field, out string text)
    {
        text = "";
        if (!TryGet(field, out var value))
        {
            return false;
        }

        if (value.ValueKind == JsonValueKind.String)
        {
            text = value.GetString()!;
            return true;
        }

        WrongType<bool>(field, "a string");
        return false;
    }

    // A required field of the wrong type is faulty, not missing: it has its fault already.
    private string Missing(string field)
    {
        if (faults is not null && !TryGet(field, out _))
        {
            Fault(ErrorCode.MissingRequiredField, field, $"{path}{field} is required.");
        }

        return "";
    }

    private T? WrongType<T>(string field, string wanted)
        where T : struct
    {
        Fault(ErrorCode.InvalidFormat, field, $"{path}{field} must be {wanted}.");
        return null;
    }
}

internal static class JobFields
{
    /// <summary>What in <c>job</c> is never read as a block's input.</summary>
    public static readonly FrozenSet<string> Reserved = FrozenSet.Create(
        StringComparer.Ordinal,
        "type", "inputs", "timeout_ms", "queue_timeout_ms", "attempt_timeout_ms", "retry", "retry_config", "resources",
        "guardrails", "concurrency_key", "redelivery", "block_version");
}
