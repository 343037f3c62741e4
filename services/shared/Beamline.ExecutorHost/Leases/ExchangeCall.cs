using Beamline.Contracts.Exchange;

namespace Beamline.ExecutorHost.Leases;

/// <summary>One call as it goes out, and again if it has no answer: the same bytes under the same seq.</summary>
internal sealed record ExchangeCall(ExchangeRequest Request, TimeSpan FirstSent, IReadOnlyList<HeldLease>? Reports);
