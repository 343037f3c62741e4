using Beamline.Contracts;
using Beamline.ExecutorHost;
using Beamline.GpuExecutor.Blocks;

namespace Beamline.GpuExecutor;

/// <summary>The one registration of this service.</summary>
public static class GpuExecutorServices
{
    public static IServiceCollection AddGpuExecutor(this IServiceCollection services, IConfiguration configuration) =>
        services.AddExecutor(Pools.Gpu, configuration, blocks => blocks.AddGpuBlocks(configuration));
}
