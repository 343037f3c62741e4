using System.Globalization;
using System.Reflection;
using Beamline.Contracts.Workers;
using Beamline.ExecutorHost.Blocks;

namespace Beamline.ExecutorHost;

/// <summary>Who this worker is, for the life of the process.</summary>
internal sealed record WorkerIdentity
{
    public required string Id { get; init; }

    /// <summary>New at each start: tells the scheduler that whatever an older one held is lost.</summary>
    public string Incarnation { get; } = Guid.CreateVersion7().ToString("N");
    public required string Pool { get; init; }
    public required int Slots { get; init; }
    public required IReadOnlyList<BlockOffer> Offers { get; init; }
    public IReadOnlyList<string>? Devices { get; init; }

    public static string Version { get; } =
        typeof(WorkerIdentity).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "0";

    public static WorkerIdentity Of(string pool, WorkerOptions options, BlockRegistry blocks) => new()
    {
        Id = options.Id is { Length: > 0 } id
            ? id
            : string.Create(CultureInfo.InvariantCulture, $"{pool}-{Environment.MachineName}-{Environment.ProcessId}"),
        Pool = pool,
        Slots = options.SlotsOf(pool),
        Offers = blocks.Offers,
        Devices = blocks.Devices,
    };
}
