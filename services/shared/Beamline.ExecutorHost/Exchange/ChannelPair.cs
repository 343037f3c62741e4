using Beamline.Contracts.Exchange;
using Beamline.ExecutorHost.Leases;
using Microsoft.Extensions.Logging;

namespace Beamline.ExecutorHost.Exchange;

/// <summary>The two channels of a worker.</summary>
internal sealed class ChannelPair(
    LeaseBook book, ISchedulerLink link, SchedulerContact contact, ExchangePace pace, ExecutorMetrics metrics, ILogger<ExchangeChannel> logger)
{
    public ExchangeChannel Work { get; } = new(ExchangeChannels.Work, book, link, contact, pace, metrics, logger);

    public ExchangeChannel Report { get; } = new(ExchangeChannels.Report, book, link, contact, pace, metrics, logger);
}
