using System.Text.Json;
using Beamline.Contracts.Errors;
using Beamline.GpuExecutor.Blocks;
using Beamline.TestKit.Blocks;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace Beamline.GpuExecutor.Tests;

public sealed class MatMulTests
{
    [Fact]
    public async Task A_small_product_is_exact_and_says_where_it_was_computed()
    {
        var outputs = (await Block().RunAsync("""{"a": {"shape": [2, 3], "data": [1, 2, 3, 4, 5, 6]}, "b": {"shape": [3, 2], "data": [7, 8, 9, 10, 11, 12]}}""")).Outputs();
        Assert.Equal([2, 2], outputs.GetProperty("shape").EnumerateArray().Select(e => e.GetInt32()));
        Assert.Equal([58f, 64f, 139f, 154f], outputs.GetProperty("data").EnumerateArray().Select(e => e.GetSingle()));
        Assert.Equal("cpu", outputs.GetProperty("device").GetString());
        Assert.Equal("cpu", outputs.GetProperty("device_type").GetString());
    }

    // Shapes around every block boundary: rows by 4, depth by 128, columns by 512 and by the vector's width.
    [Theory]
    [InlineData(1, 1, 1, 1)]
    [InlineData(4, 128, 512, 1)]
    [InlineData(5, 129, 513, 2)]
    [InlineData(3, 127, 511, 2)]
    [InlineData(7, 300, 33, 1)]
    [InlineData(1, 1000, 17, 2)]
    [InlineData(130, 131, 133, 2)]
    public void Every_shape_agrees_with_the_schoolbook_sum(int rows, int depth, int columns, int parallelism)
    {
        var random = new Random(rows + depth + columns);
        var a = Numbers(random, rows * depth);
        var b = Numbers(random, depth * columns);
        var product = MatMul.Multiply(a, b, rows, depth, columns, parallelism, CancellationToken.None);
        for (var row = 0; row < rows; row++)
        {
            for (var column = 0; column < columns; column++)
            {
                var sum = 0d;
                for (var k = 0; k < depth; k++)
                {
                    sum += (double)a[(row * depth) + k] * b[(k * columns) + column];
                }

                Assert.Equal(sum, product[(row * columns) + column], 1e-5 * depth);
            }
        }
    }

    [Theory]
    [InlineData("""{"b": {"shape": [1, 1], "data": [1]}}""", ErrorCode.MissingRequiredField, "job.inputs.a")]
    [InlineData("""{"a": 5, "b": {"shape": [1, 1], "data": [1]}}""", ErrorCode.InvalidInput, "job.inputs.a")]
    [InlineData("""{"a": {"shape": [1], "data": [1]}, "b": {"shape": [1, 1], "data": [1]}}""", ErrorCode.InvalidInput, "a.shape")]
    [InlineData("""{"a": {"shape": [0, 1], "data": []}, "b": {"shape": [1, 1], "data": [1]}}""", ErrorCode.InvalidInput, "a.shape")]
    [InlineData("""{"a": {"shape": [-1, -1], "data": [1]}, "b": {"shape": [1, 1], "data": [1]}}""", ErrorCode.InvalidInput, "a.shape")]
    [InlineData("""{"a": {"shape": [1.5, 2], "data": [1]}, "b": {"shape": [1, 1], "data": [1]}}""", ErrorCode.InvalidInput, "a.shape")]
    [InlineData("""{"a": {"shape": [65536, 65536], "data": [1]}, "b": {"shape": [1, 1], "data": [1]}}""", ErrorCode.InvalidInput, "a.shape")]
    [InlineData("""{"a": {"shape": [2, 2], "data": [1, 2, 3]}, "b": {"shape": [2, 1], "data": [1, 2]}}""", ErrorCode.InvalidInput, "a.data")]
    [InlineData("""{"a": {"shape": [1, 1], "data": "1"}, "b": {"shape": [1, 1], "data": [1]}}""", ErrorCode.InvalidInput, "a.data")]
    [InlineData("""{"a": {"shape": [1, 1], "data": ["1"]}, "b": {"shape": [1, 1], "data": [1]}}""", ErrorCode.InvalidInput, "a.data[0]")]
    [InlineData("""{"a": {"shape": [1, 1], "data": [1e60]}, "b": {"shape": [1, 1], "data": [1]}}""", ErrorCode.InvalidInput, "a.data[0]")]
    [InlineData("""{"a": {"shape": [1, 2], "data": [1, 2]}, "b": {"shape": [3, 1], "data": [1, 2, 3]}}""", ErrorCode.InvalidInput, "b must have as many rows")]
    public async Task Every_fault_of_shape_or_number_is_named(string inputs, ErrorCode code, string named)
    {
        var outcome = await Block().RunAsync(inputs);
        Assert.Equal(code, outcome.Code);
        Assert.False(outcome.Retryable);
        Assert.Contains(named, outcome.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Faults_of_both_operands_are_told_at_once()
    {
        var outcome = await Block().RunAsync("""{"a": {"shape": [1], "data": [1]}, "b": {"shape": [1, 1], "data": [1, 2]}}""");
        Assert.Equal(2, outcome.Details!.Value.Parse().RootElement.GetProperty("faults").GetArrayLength());
    }

    [Fact]
    public async Task A_product_beyond_float32_is_a_failure_and_not_a_null()
    {
        var outcome = await Block().RunAsync("""{"a": {"shape": [1, 1], "data": [3e38]}, "b": {"shape": [1, 1], "data": [10]}}""");
        Assert.Equal("overflow", outcome.Reason(ErrorCode.ExecutionFailed));
        Assert.False(outcome.Retryable);
    }

    [Fact]
    public async Task A_product_that_cannot_fit_is_refused_before_it_is_computed()
    {
        var outcome = await Block().RunAsync(Operands(64, 1, 64), maxOutputBytes: 8_000);
        Assert.Equal("output_too_large", outcome.Reason(ErrorCode.ExecutionFailed));
    }

    [Fact]
    public async Task The_setting_for_elements_bounds_operands_and_product()
    {
        var small = Block(new MatMulOptions { MaxElements = 100 });
        Assert.True((await small.RunAsync(Operands(10, 10, 10))).IsOk);
        Assert.Equal(ErrorCode.InvalidInput, (await small.RunAsync(Operands(11, 10, 1))).Code);
        Assert.Equal(ErrorCode.InvalidInput, (await small.RunAsync(Operands(20, 1, 20))).Code);
    }

    [Fact]
    public async Task Cancellation_ends_a_long_product_within_100_ms()
    {
        using var stop = new CancellationTokenSource();
        const int Size = 2_048;
        var a = new float[Size * Size];
        var running = Task.Run(() => MatMul.Multiply(a, a, Size, Size, Size, 1, stop.Token), CancellationToken.None);
        var started = TimeProvider.System.GetTimestamp();
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
        Assert.InRange(TimeProvider.System.GetElapsedTime(started), TimeSpan.Zero, TimeSpan.FromMilliseconds(100));
    }

    private static MatMulBlock Block(MatMulOptions? options = null) => new(Options.Create(options ?? new MatMulOptions()), NullLogger<MatMulBlock>.Instance);

    private static float[] Numbers(Random random, int count) => [.. Enumerable.Range(0, count).Select(_ => (random.NextSingle() * 2) - 1)];

    private static string Operands(int rows, int depth, int columns) => JsonSerializer.Serialize(new
    {
        a = new { shape = new[] { rows, depth }, data = new float[rows * depth] },
        b = new { shape = new[] { depth, columns }, data = new float[depth * columns] },
    });
}
