using Beamline.ExecutorHost.Blocks;

namespace Beamline.CpuExecutor.Blocks;

/// <summary>The blocks of the pool <c>cpu</c>, a line each.</summary>
public static class CpuBlocks
{
    public static BlockRegistration AddCpuBlocks(this BlockRegistration blocks, IConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(blocks);
        ArgumentNullException.ThrowIfNull(configuration);
        return blocks.Add<CryptoHashBlock>();
    }
}
