using Beamline.Contracts;
using Beamline.Contracts.Errors;
using Beamline.Contracts.Events;
using Beamline.Contracts.Exchange;

namespace Beamline.Scheduler.Exchange;

/// <summary>What an exchange request must keep to before the core sees it.</summary>
public static class ExchangeRules
{
    /// <summary>Leases a worker may hold or ask for; far above four times the slots of any machine.</summary>
    public const int MaxLeases = 8_192;
    public const int MaxOffers = 256;
    public const int MaxProgressEntries = 1_024;
    public const int MaxProgressBytes = 16 * 1024;

    /// <summary>A retry further away than this is not worth parking for.</summary>
    public const long MaxRetryAfterMs = 24L * 60 * 60 * 1000;

    private static readonly string[] ProgressTypes = [TaskEventTypes.Progress, TaskEventTypes.Retrying, TaskEventTypes.Started];

    /// <summary>Every fault; empty when the request may be taken.</summary>
    public static IReadOnlyList<Fault> FaultsOf(ExchangeRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        List<Fault> faults = [];
        CheckId(faults, "worker", request.Worker);
        CheckId(faults, "incarnation", request.Incarnation);
        Check(faults, request.Pool is Pools.Cpu or Pools.Io or Pools.Gpu, "pool", "must be cpu, io or gpu");
        Check(faults, request.Channel is ExchangeChannels.Work or ExchangeChannels.Report, "channel", "must be work or report");
        Check(faults, request.Seq >= 1, "seq", "must be 1 or more");
        Check(faults, request.Seen is { Work: >= 0, Report: >= 0 }, "seen", "must hold both channels' last answered seq, 0 or more");
        Check(faults, request.Free is >= 0 and <= MaxLeases, "free", $"must be 0 to {MaxLeases}");
        Check(faults, request.Running is { Count: <= MaxLeases } && request.Running.All(r => r is { RanMs: >= 0, RetriesUsed: >= 0 }), "running", $"must be a list of at most {MaxLeases} leases with times and counts of 0 or more");
        Check(faults, request.Offers is { Count: <= MaxOffers } && request.Offers.All(o => o is not null && IsId(o.Type)), "offers", $"must be a list of at most {MaxOffers} block types, each of 1 to {WireLimits.MaxIdLength} printable ASCII characters");
        Check(faults, request.Starts is null or { Count: <= MaxLeases } && request.Starts?.Contains(null!) != true, "starts", $"must be a list of at most {MaxLeases} leases");
        CheckReports(faults, request.Reports);
        CheckProgress(faults, request.Progress);
        return faults;
    }

    private static void CheckReports(List<Fault> faults, IReadOnlyList<LeaseReport>? reports)
    {
        Check(faults, reports is null or { Count: <= MaxLeases }, "reports", $"must be a list of at most {MaxLeases} reports");
        foreach (var report in reports ?? [])
        {
            var sound = report is { RanMs: >= 0, RetriesUsed: >= 0 } && report.Kind switch
            {
                ReportKinds.Ended => report.Result is not null,
                ReportKinds.RetryAt => report is { Result: not null, RetryAfterMs: >= 0 and <= MaxRetryAfterMs },
                ReportKinds.HandedBack => true,
                _ => false,
            };
            Check(faults, sound, "reports", "must each be ended (with result), retry_at (with result and retry_after_ms up to a day) or handed_back, with times and counts of 0 or more");
            if (!sound)
            {
                return;
            }
        }
    }

    private static void CheckProgress(List<Fault> faults, IReadOnlyList<LeaseProgress>? progress) => Check(
        faults,
        progress is null || (progress.Count <= MaxProgressEntries
            && progress.All(p => p is { Data.Length: > 0 and <= MaxProgressBytes } && ProgressTypes.Contains(p.Type) && p.Data.Utf8.Span.TrimStart(" \t\r\n"u8) is [(byte)'{', ..])),
        "progress",
        $"must be at most {MaxProgressEntries} entries of type progress, retrying or started, each with a JSON object of at most {MaxProgressBytes} bytes");

    private static void CheckId(List<Fault> faults, string field, string? value) => Check(
        faults, IsId(value), field, $"must be 1 to {WireLimits.MaxIdLength} printable ASCII characters");

    private static bool IsId(string? value) => value is { Length: >= 1 and <= WireLimits.MaxIdLength } && value.All(c => c is > ' ' and <= '~');

    private static void Check(List<Fault> faults, bool holds, string field, string rule)
    {
        if (!holds)
        {
            faults.Add(new Fault(ErrorCode.InvalidInput, field, $"{field} {rule}."));
        }
    }
}
