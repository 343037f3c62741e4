using System.Globalization;
using Beamline.Contracts.Errors;
using Beamline.ExecutorHost.Blocks;
using Microsoft.Extensions.Options;

namespace Beamline.GpuExecutor.Blocks;

/// <summary>
/// <c>compute.matmul</c>: the product of two matrices of float32.
/// <para>Inputs: <c>a</c> and <c>b</c>, each <c>{shape: [rows, columns], data: [row-major numbers]}</c>; a's columns are b's rows.</para>
/// <para>Result: <c>shape</c>, <c>data</c> (row-major), <c>device</c> and <c>device_type</c> (<c>cpu</c>: this build computes on the CPU's vector units).</para>
/// <para>Errors: 1001 every fault of shape, size or number, each by name; 1002 a missing operand; 2001 <c>overflow</c> when the product
/// leaves float32, <c>output_too_large</c> when it cannot fit <c>max_output_bytes</c> (seen before it is computed).</para>
/// </summary>
internal sealed partial class MatMulBlock(IOptions<MatMulOptions> options, ILogger<MatMulBlock> log) : IBlockExecutor
{
    // "0," is the shortest that an element can be.
    private const int ShortestElement = 2;

    private readonly MatMulOptions _options = options.Value;

    public string Type => "compute.matmul";

    public string Version => "1";

    public IReadOnlyList<string> Devices { get; } = ["cpu"];

    public ValueTask InitAsync(CancellationToken cancellation)
    {
        DeviceChosen(log, "cpu", System.Numerics.Vector<float>.Count, Parallelism);
        return ValueTask.CompletedTask;
    }

    public ValueTask<BlockOutcome> ExecuteAsync(StepRequest request, BlockContext context, CancellationToken cancellation)
    {
        var inputs = request.Inputs;
        var a = Matrix.Read(inputs, "a", _options.MaxElements);
        var b = Matrix.Read(inputs, "b", _options.MaxElements);
        if (inputs.Invalid is null)
        {
            CheckTogether(inputs, a, b);
        }

        if (inputs.Invalid is { } invalid)
        {
            return ValueTask.FromResult(invalid);
        }

        var elements = (long)a.Rows * b.Columns;
        if (elements * ShortestElement > request.MaxOutputBytes)
        {
            return ValueTask.FromResult(BlockOutcome.Failed(
                ErrorCode.ExecutionFailed, string.Create(CultureInfo.InvariantCulture, $"A product of {elements} elements does not fit max_output_bytes."),
                retryable: false, StepOutputs.Reason("output_too_large")));
        }

        var product = MatMul.Multiply(a.Data, b.Data, a.Rows, a.Columns, b.Columns, Parallelism, cancellation);
        return ValueTask.FromResult(Result(a.Rows, b.Columns, product));
    }

    private int Parallelism => Math.Min(_options.MaxParallelism, Environment.ProcessorCount);

    private void CheckTogether(StepInputs inputs, Matrix a, Matrix b)
    {
        if (a.Columns != b.Rows)
        {
            inputs.AddFault(ErrorCode.InvalidInput, "b", string.Create(CultureInfo.InvariantCulture, $"{inputs.PathOf("b")} must have as many rows as a has columns ({a.Columns}); it has {b.Rows}."));
        }

        if ((long)a.Rows * b.Columns > _options.MaxElements)
        {
            inputs.AddFault(ErrorCode.InvalidInput, "a", string.Create(CultureInfo.InvariantCulture, $"The product has more than {_options.MaxElements} elements."));
        }
    }

    private static BlockOutcome Result(int rows, int columns, float[] product)
    {
        // JSON has no infinity: a product that overflows is a failure, not a silent null.
        if (Array.Exists(product, value => !float.IsFinite(value)))
        {
            return BlockOutcome.Failed(ErrorCode.ExecutionFailed, "The product leaves the range of float32.", retryable: false, StepOutputs.Reason("overflow"));
        }

        return BlockOutcome.Ok(StepOutputs.Write((rows, columns, product), static (json, state) =>
        {
            json.WriteStartArray("shape");
            json.WriteNumberValue(state.rows);
            json.WriteNumberValue(state.columns);
            json.WriteEndArray();
            json.WriteStartArray("data");
            foreach (var value in state.product)
            {
                json.WriteNumberValue(value);
            }

            json.WriteEndArray();
            json.WriteString("device", "cpu");
            json.WriteString("device_type", "cpu");
        }));
    }
}
