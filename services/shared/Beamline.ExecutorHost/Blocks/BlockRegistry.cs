using System.Collections.Frozen;
using Beamline.Contracts.Workers;

namespace Beamline.ExecutorHost.Blocks;

/// <summary>The blocks of this worker by every name they answer to.</summary>
internal sealed class BlockRegistry
{
    private readonly IReadOnlyList<IBlockExecutor> _blocks;
    private readonly FrozenDictionary<string, IBlockExecutor> _byName;

    public BlockRegistry(IEnumerable<IBlockExecutor> blocks)
    {
        _blocks = [.. blocks];
        var byName = new Dictionary<string, IBlockExecutor>(StringComparer.Ordinal);
        foreach (var block in _blocks)
        {
            foreach (var name in (IEnumerable<string>)[block.Type, .. block.Aliases])
            {
                if (!byName.TryAdd(name, block))
                {
                    throw new InvalidOperationException($"Two blocks answer to {name}: {byName[name].GetType().Name} and {block.GetType().Name}.");
                }
            }
        }

        _byName = byName.ToFrozenDictionary(StringComparer.Ordinal);
        Offers = [.. byName.Select(pair => new BlockOffer(pair.Key, pair.Value.Version))];
        Devices = _blocks.SelectMany(block => block.Devices).Distinct(StringComparer.Ordinal).ToArray() is { Length: > 0 } devices ? devices : null;
    }

    /// <summary>Aliases are offered too: a scheduler need not know what they stand for.</summary>
    public IReadOnlyList<BlockOffer> Offers { get; }

    public IReadOnlyList<string>? Devices { get; }

    public IBlockExecutor? Find(string type) => _byName.GetValueOrDefault(type);

    public async Task InitAsync(CancellationToken cancellation)
    {
        foreach (var block in _blocks)
        {
            await block.InitAsync(cancellation).ConfigureAwait(false);
        }
    }
}
