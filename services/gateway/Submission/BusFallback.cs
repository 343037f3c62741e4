using System.Globalization;
using Beamline.Contracts;
using Beamline.DaprAccess;
using Microsoft.Extensions.Options;

namespace Beamline.Gateway.Submission;

/// <summary>
/// The way for assignments while no scheduler answers. While the bus is away too, one publish an interval tries it and the others
/// are refused at once: the broker's sidecar takes 5 s to say no.
/// </summary>
internal sealed class BusFallback(DaprClient dapr, IOptions<GatewayOptions> options, TimeProvider time, ILogger<BusFallback> logger)
{
    private readonly Outage _bus = new(time, options.Value.ProbeInterval);

    /// <summary>Answers every task of the slices.</summary>
    public async Task PublishAsync(IReadOnlyList<AdmitSlice> batch)
    {
        if (!_bus.MayTry())
        {
            Answer(batch, taken: null);
            return;
        }

        var taken = await TryPublishAsync(batch).ConfigureAwait(false);
        if (taken is not null && _bus.Ended())
        {
            logger.BusBack();
        }

        Answer(batch, taken);
    }

    /// <returns>Whether each task was taken, in order; null when none was.</returns>
    private async Task<bool[]?> TryPublishAsync(IReadOnlyList<AdmitSlice> batch)
    {
        var entries = new List<BulkPublishEntry>();
        foreach (var slice in batch)
        {
            for (var i = 0; i < slice.Count; i++)
            {
                var entryId = entries.Count.ToString(CultureInfo.InvariantCulture);
                entries.Add(new BulkPublishEntry(entryId, BusMessage.Of(slice.Group.Tasks[slice.Start + i])));
            }
        }

        try
        {
            var response = await dapr.BulkPublishEventAsync(Components.Bus, Topics.Assign, entries).ConfigureAwait(false);
            var taken = Enumerable.Repeat(true, entries.Count).ToArray();
            foreach (var failed in response.FailedEntries)
            {
                taken[int.Parse(failed.EntryId, CultureInfo.InvariantCulture)] = false;
            }

            return taken;
        }
        catch (DaprException away)
        {
            if (_bus.Began())
            {
                logger.BusAway(away.Message);
            }

            return null;
        }
    }

    private static void Answer(IReadOnlyList<AdmitSlice> batch, bool[]? taken)
    {
        var next = 0;
        foreach (var slice in batch)
        {
            for (var i = 0; i < slice.Count; i++, next++)
            {
                slice.Group.Answer(slice.Start + i, taken is not null && taken[next] ? AdmitAnswer.OnTheBus : AdmitAnswer.Unavailable);
            }
        }
    }
}
