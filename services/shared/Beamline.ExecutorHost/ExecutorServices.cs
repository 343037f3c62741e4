using Beamline.ExecutorHost.Blocks;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace Beamline.ExecutorHost;

/// <summary>The one registration of an executor, whatever its pool.</summary>
public static class ExecutorServices
{
    /// <summary>Adds everything that an executor of <paramref name="pool"/> (<c>cpu</c>, <c>io</c>, <c>gpu</c>) needs but Dapr and observability.</summary>
    public static IServiceCollection AddExecutor(
        this IServiceCollection services, string pool, IConfiguration configuration, Action<BlockRegistration> blocks)
    {
        ArgumentException.ThrowIfNullOrEmpty(pool);
        ArgumentNullException.ThrowIfNull(configuration);
        ArgumentNullException.ThrowIfNull(blocks);
        blocks(new BlockRegistration(services));
        return services;
    }

    /// <summary>Maps what an executor answers itself; health and metrics come from Observability.</summary>
    public static WebApplication MapExecutor(this WebApplication app) => app;
}
