using Beamline.Contracts;
using Beamline.ExecutorHost;
using Beamline.CpuExecutor.Blocks;

namespace Beamline.CpuExecutor;

/// <summary>The one registration of this service.</summary>
public static class CpuExecutorServices
{
    public static IServiceCollection AddCpuExecutor(this IServiceCollection services, IConfiguration configuration) =>
        services.AddExecutor(Pools.Cpu, configuration, blocks => blocks.AddCpuBlocks(configuration));
}
