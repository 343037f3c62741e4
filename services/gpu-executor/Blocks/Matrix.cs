using System.Globalization;
using System.Text.Json;
using Beamline.Contracts.Errors;
using Beamline.ExecutorHost.Blocks;

namespace Beamline.GpuExecutor.Blocks;

/// <summary>An operand as a step gives it: <c>{"shape": [rows, columns], "data": [row-major float32…]}</c>.</summary>
internal sealed record Matrix(int Rows, int Columns, float[] Data)
{
    private static readonly Matrix Empty = new(1, 1, [0]);

    /// <summary>Reads one; what is wrong with it is added to the inputs' faults, naming the part.</summary>
    public static Matrix Read(StepInputs inputs, string name, int maxElements)
    {
        var value = inputs.Required(name);
        if (value.ValueKind == JsonValueKind.Undefined)
        {
            return Empty;
        }

        if (value.ValueKind != JsonValueKind.Object || !value.TryGetProperty("shape", out var shape) || !value.TryGetProperty("data", out var data))
        {
            inputs.AddFault(ErrorCode.InvalidInput, name, $"{inputs.PathOf(name)} must be {{shape: [rows, columns], data: [numbers]}}.");
            return Empty;
        }

        return ReadShape(inputs, name, shape, maxElements) is (var rows, var columns)
            && ReadData(inputs, name, data, rows * columns) is { } numbers
            ? new Matrix(rows, columns, numbers)
            : Empty;
    }

    private static (int Rows, int Columns)? ReadShape(StepInputs inputs, string name, JsonElement shape, int maxElements)
    {
        if (shape.ValueKind != JsonValueKind.Array || shape.GetArrayLength() != 2 || !TryDimension(shape[0], out var rows) || !TryDimension(shape[1], out var columns))
        {
            inputs.AddFault(ErrorCode.InvalidInput, name, $"{inputs.PathOf(name)}.shape must be [rows, columns], both whole numbers above zero.");
            return null;
        }

        if ((long)rows * columns > maxElements)
        {
            inputs.AddFault(ErrorCode.InvalidInput, name, string.Create(CultureInfo.InvariantCulture, $"{inputs.PathOf(name)}.shape has more than {maxElements} elements."));
            return null;
        }

        return (rows, columns);
    }

    private static float[]? ReadData(StepInputs inputs, string name, JsonElement data, int expected)
    {
        if (data.ValueKind != JsonValueKind.Array || data.GetArrayLength() != expected)
        {
            var found = data.ValueKind == JsonValueKind.Array ? data.GetArrayLength().ToString(CultureInfo.InvariantCulture) : "no list";
            inputs.AddFault(ErrorCode.InvalidInput, name, string.Create(CultureInfo.InvariantCulture, $"{inputs.PathOf(name)}.data must hold {expected} numbers, as its shape says; it holds {found}."));
            return null;
        }

        var numbers = new float[expected];
        var i = 0;
        foreach (var element in data.EnumerateArray())
        {
            if (element.ValueKind != JsonValueKind.Number || !element.TryGetSingle(out numbers[i]) || !float.IsFinite(numbers[i]))
            {
                inputs.AddFault(ErrorCode.InvalidInput, name, string.Create(CultureInfo.InvariantCulture, $"{inputs.PathOf(name)}.data[{i}] is no number within float32."));
                return null;
            }

            i++;
        }

        return numbers;
    }

    private static bool TryDimension(JsonElement element, out int value)
    {
        value = 0;
        return element.ValueKind == JsonValueKind.Number && element.TryGetInt32(out value) && value > 0;
    }
}
