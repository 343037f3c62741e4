namespace Beamline.GpuExecutor.Blocks;

/// <summary>Section <c>MatMul</c>.</summary>
public sealed class MatMulOptions
{
    public const string Section = "MatMul";

    /// <summary>Elements of each operand and of the product; over it the step fails with 1001. The default is 64 MiB a matrix.</summary>
    public int MaxElements { get; set; } = 16 * 1024 * 1024;

    /// <summary>Threads that one product may use; it never uses more than the machine has cores.</summary>
    public int MaxParallelism { get; set; } = Environment.ProcessorCount;
}
