using Beamline.ExecutorHost.Blocks;

namespace Beamline.GpuExecutor.Blocks;

/// <summary>The blocks of the pool <c>gpu</c>, a line each.</summary>
public static class GpuBlocks
{
    public static BlockRegistration AddGpuBlocks(this BlockRegistration blocks, IConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(blocks);
        ArgumentNullException.ThrowIfNull(configuration);
        blocks.Services.AddOptions<MatMulOptions>().Bind(configuration.GetSection(MatMulOptions.Section))
            .Validate(static matmul => matmul.MaxElements > 0, "MatMul:MaxElements must be above zero.")
            .Validate(static matmul => matmul.MaxParallelism > 0, "MatMul:MaxParallelism must be above zero.")
            .ValidateOnStart();
        return blocks.Add<MatMulBlock>();
    }
}
