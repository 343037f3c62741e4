using System.Globalization;
using System.Text;
using System.Text.Json;
using Beamline.Contracts.Assignments;
using Beamline.Contracts.Errors;

namespace Beamline.ExecutorHost.Blocks;

/// <summary>
/// A block's inputs by name. The typed getters never throw: a wrong value adds a fault and gives a harmless default, so that a
/// block reads everything it needs and then asks once:
/// <c>if (inputs.Invalid is { } invalid) { return invalid; }</c>. JSON null counts as left out.
/// Wrong types and values are 1001, what is missing 1002, wrong formats (base64) 1003. Not thread safe; one instance an attempt.
/// </summary>
public sealed class StepInputs
{
    private readonly IReadOnlyDictionary<string, JsonElement>? _inline;
    private readonly JsonElement _object;
    private List<Fault>? _faults;

    private StepInputs(IReadOnlyDictionary<string, JsonElement>? inline, JsonElement members)
    {
        _inline = inline;
        _object = members;
    }

    /// <summary>The members of <c>job.inputs</c> when it is there, else what stands inline in <c>job</c>.</summary>
    public static StepInputs Of(Job job)
    {
        ArgumentNullException.ThrowIfNull(job);
        return job.Inputs is { ValueKind: JsonValueKind.Object } inputs ? new(null, inputs) : new(job.ReadInputs(), default);
    }

    /// <summary>Inputs from a JSON object, for tests and tools.</summary>
    public static StepInputs Of(JsonElement members) => new(null, members);

    /// <summary>The outcome to return when anything read so far was wrong; else null.</summary>
    public BlockOutcome? Invalid => _faults is null ? null : BlockOutcome.Invalid(_faults);

    public IReadOnlyList<Fault> Faults => _faults ?? [];

    /// <summary>Adds a fault of the block's own making about the input <paramref name="name"/>.</summary>
    public void AddFault(ErrorCode code, string name, string message) =>
        (_faults ??= []).Add(new Fault(code, PathOf(name), message));

    /// <summary>The input's path in the assignment: <c>job.inputs.url</c> or <c>job.url</c>.</summary>
    public string PathOf(string name) => _inline is null ? "job.inputs." + name : "job." + name;

    public bool Has(string name) => TryGet(name, out _);

    /// <summary>False when the input is left out or null.</summary>
    public bool TryGet(string name, out JsonElement value)
    {
        var found = _inline is not null ? _inline.TryGetValue(name, out value) : _object.TryGetProperty(name, out value);
        return found && value.ValueKind is not (JsonValueKind.Null or JsonValueKind.Undefined);
    }

    /// <summary>Any value; a fault and an undefined element when it is left out.</summary>
    public JsonElement Required(string name)
    {
        if (TryGet(name, out var value))
        {
            return value;
        }

        AddFault(ErrorCode.MissingRequiredField, name, $"{PathOf(name)} is required.");
        return default;
    }

    /// <summary>A string that is not empty.</summary>
    public string RequiredString(string name)
    {
        var value = Required(name);
        if (value.ValueKind == JsonValueKind.Undefined)
        {
            return "";
        }

        var text = AsString(name, value) ?? "";
        if (text.Length == 0 && value.ValueKind == JsonValueKind.String)
        {
            AddFault(ErrorCode.InvalidInput, name, $"{PathOf(name)} must not be empty.");
        }

        return text;
    }

    public string? OptionalString(string name) => TryGet(name, out var value) ? AsString(name, value) : null;

    /// <summary>One of <paramref name="allowed"/>, in any letter case; given back as it is spelt there.</summary>
    public string Choice(string name, string fallback, params string[] allowed)
    {
        if (OptionalString(name) is not { } text)
        {
            return fallback;
        }

        foreach (var choice in allowed)
        {
            if (string.Equals(choice, text, StringComparison.OrdinalIgnoreCase))
            {
                return choice;
            }
        }

        AddFault(ErrorCode.InvalidInput, name, $"{PathOf(name)} must be one of {string.Join(", ", allowed)}.");
        return fallback;
    }

    public bool Flag(string name, bool fallback = false)
    {
        if (!TryGet(name, out var value))
        {
            return fallback;
        }

        if (value.ValueKind is JsonValueKind.True or JsonValueKind.False)
        {
            return value.GetBoolean();
        }

        AddFault(ErrorCode.InvalidInput, name, $"{PathOf(name)} must be true or false.");
        return fallback;
    }

    public long? OptionalInteger(string name, long min = long.MinValue, long max = long.MaxValue)
    {
        if (!TryGet(name, out var value))
        {
            return null;
        }

        if (value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var number) && number >= min && number <= max)
        {
            return number;
        }

        var range = (min, max) is (long.MinValue, long.MaxValue)
            ? "" : string.Create(CultureInfo.InvariantCulture, $" from {min} to {max}");
        AddFault(ErrorCode.InvalidInput, name, $"{PathOf(name)} must be a whole number{range}.");
        return null;
    }

    public long RequiredInteger(string name, long min = long.MinValue, long max = long.MaxValue) =>
        Required(name).ValueKind == JsonValueKind.Undefined ? Math.Max(min, 0) : OptionalInteger(name, min, max) ?? Math.Max(min, 0);

    public double? OptionalNumber(string name)
    {
        if (!TryGet(name, out var value))
        {
            return null;
        }

        if (value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) && double.IsFinite(number))
        {
            return number;
        }

        AddFault(ErrorCode.InvalidInput, name, $"{PathOf(name)} must be a number.");
        return null;
    }

    /// <summary>An object's element, or null when it is left out.</summary>
    public JsonElement? OptionalObject(string name) => OfKind(name, JsonValueKind.Object, "an object");

    /// <summary>A list's element, or null when it is left out.</summary>
    public JsonElement? OptionalList(string name) => OfKind(name, JsonValueKind.Array, "a list");

    /// <summary>Base64 (standard alphabet, padded) decoded, or null when it is left out.</summary>
    public ReadOnlyMemory<byte>? OptionalBase64(string name)
    {
        if (!TryGet(name, out var value))
        {
            return null;
        }

        if (value.ValueKind == JsonValueKind.String && value.TryGetBytesFromBase64(out var bytes))
        {
            return bytes;
        }

        AddFault(ErrorCode.InvalidFormat, name, $"{PathOf(name)} must be base64.");
        return null;
    }

    /// <summary>
    /// Content given as text (<paramref name="textName"/>, taken as UTF-8) or as base64 (<paramref name="base64Name"/>): both are a
    /// fault; neither is null.
    /// </summary>
    public ReadOnlyMemory<byte>? OptionalContent(string textName = "content", string base64Name = "content_base64")
    {
        if (Has(textName) && Has(base64Name))
        {
            AddFault(ErrorCode.InvalidInput, base64Name, $"Give {PathOf(textName)} or {PathOf(base64Name)}, not both.");
            return null;
        }

        return OptionalString(textName) is { } text ? Encoding.UTF8.GetBytes(text) : OptionalBase64(base64Name);
    }

    /// <summary>As <see cref="OptionalContent"/>; neither is a fault too.</summary>
    public ReadOnlyMemory<byte> RequiredContent(string textName = "content", string base64Name = "content_base64")
    {
        if (!Has(textName) && !Has(base64Name))
        {
            AddFault(ErrorCode.MissingRequiredField, textName, $"{PathOf(textName)} or {PathOf(base64Name)} is required.");
            return default;
        }

        return OptionalContent(textName, base64Name) ?? default;
    }

    private string? AsString(string name, JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.String)
        {
            AddFault(ErrorCode.InvalidInput, name, $"{PathOf(name)} must be a string.");
            return null;
        }

        try
        {
            return value.GetString();
        }
        catch (InvalidOperationException)
        {
            // A lone surrogate escape is valid JSON but no text.
            AddFault(ErrorCode.InvalidFormat, name, $"{PathOf(name)} is not valid Unicode.");
            return null;
        }
    }

    private JsonElement? OfKind(string name, JsonValueKind kind, string what)
    {
        if (!TryGet(name, out var value))
        {
            return null;
        }

        if (value.ValueKind == kind)
        {
            return value;
        }

        AddFault(ErrorCode.InvalidInput, name, $"{PathOf(name)} must be {what}.");
        return null;
    }
}
