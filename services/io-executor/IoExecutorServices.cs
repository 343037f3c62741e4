using Beamline.Contracts;
using Beamline.ExecutorHost;
using Beamline.IoExecutor.Blocks;

namespace Beamline.IoExecutor;

/// <summary>The one registration of this service.</summary>
public static class IoExecutorServices
{
    public static IServiceCollection AddIoExecutor(this IServiceCollection services, IConfiguration configuration) =>
        services.AddExecutor(Pools.Io, configuration, blocks => blocks.AddIoBlocks(configuration));
}
