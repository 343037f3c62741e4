using Microsoft.Extensions.DependencyInjection;

namespace Beamline.ExecutorHost.Blocks;

/// <summary>Names the blocks of a pool, a line each. Their constructors take what they need from the container.</summary>
public sealed class BlockRegistration
{
    internal BlockRegistration(IServiceCollection services) => Services = services;

    /// <summary>For what a block needs beside itself.</summary>
    public IServiceCollection Services { get; }

    public BlockRegistration Add<TBlock>()
        where TBlock : class, IBlockExecutor
    {
        Services.AddSingleton<IBlockExecutor, TBlock>();
        return this;
    }
}
