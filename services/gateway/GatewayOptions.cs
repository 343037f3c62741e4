using Beamline.Contracts;
using Microsoft.Extensions.Options;

namespace Beamline.Gateway;

/// <summary>Section <c>Gateway</c>.</summary>
public sealed class GatewayOptions
{
    /// <summary>Where the gateway listens unless told otherwise.</summary>
    public const string DefaultUrl = "http://127.0.0.1:8080";

    /// <summary>The tenant of a request that names none.</summary>
    public string DefaultTenant { get; set; } = "default";

    /// <summary>How long the scheduler may take to answer an admission; then the bus is taken instead. A live one answers within 1.5 s.</summary>
    public TimeSpan AdmitTimeout { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>Assignments in one admission. More wait less often for a commit, and make the first of them wait longer.</summary>
    public int AdmitBatchItems { get; set; } = 64;

    /// <summary>Admissions under way at once. With one under way and nothing waiting, the next submit starts its own at once.</summary>
    public int AdmitsInFlight { get; set; } = 4;

    /// <summary>Assignments that wait for an admission; the next is answered 503.</summary>
    public int AdmitQueueItems { get; set; } = 20_000;

    /// <summary>After the scheduler (or the bus) has not answered, one call in this time tries it; the others take the other way at once.</summary>
    public TimeSpan ProbeInterval { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>How long reads and cancellations wait for the scheduler; then 503.</summary>
    public TimeSpan ReadTimeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>The longest <c>?wait=</c>; a longer one is refused.</summary>
    public TimeSpan MaxWait { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>Tasks that clients wait for at once; a further wait is answered 503 before anything is admitted.</summary>
    public int MaxWaits { get; set; } = 100_000;

    /// <summary>Event streams held at once; the next is answered 503.</summary>
    public int MaxEventStreams { get; set; } = 1_000;

    /// <summary>How long one question for events is held by the scheduler, at most 20 s. Also the time between two keep-alives of an idle stream.</summary>
    public TimeSpan EventHold { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>A watch stream that has been silent for this long is dead and opened again. The scheduler writes every few seconds.</summary>
    public TimeSpan WatchSilence { get; set; } = TimeSpan.FromSeconds(20);

    /// <summary>The longest pause between two tries to open the watch stream.</summary>
    public TimeSpan WatchMaxBackoff { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>How often tasks that the scheduler does not know yet (they went over the bus) are asked for again while someone waits.</summary>
    public TimeSpan AskAgain { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>Bytes of one submitted body.</summary>
    public int MaxBodyBytes { get; set; } = 1024 * 1024;

    /// <summary>Bytes of a batch's body.</summary>
    public int MaxBatchBodyBytes { get; set; } = 8 * 1024 * 1024;

    /// <summary>Tasks in a batch.</summary>
    public int MaxBatchTasks { get; set; } = 1_000;

    /// <summary>Bytes of all bodies in hand at once; beyond it a submit is answered 503. Keeps memory bounded whatever comes.</summary>
    public long MaxBodiesBytes { get; set; } = 256L * 1024 * 1024;

    /// <summary>The <c>Retry-After</c> of a 503 whose cause tells no time.</summary>
    public TimeSpan RetryAfter { get; set; } = TimeSpan.FromSeconds(2);
}

/// <summary>Finds every fault of the section at start.</summary>
internal sealed class GatewayOptionsPolicy : IValidateOptions<GatewayOptions>
{
    public ValidateOptionsResult Validate(string? name, GatewayOptions options)
    {
        List<string> faults = [];
        foreach (var (key, value) in new[]
        {
            (nameof(options.AdmitTimeout), options.AdmitTimeout), (nameof(options.ProbeInterval), options.ProbeInterval),
            (nameof(options.ReadTimeout), options.ReadTimeout), (nameof(options.MaxWait), options.MaxWait),
            (nameof(options.EventHold), options.EventHold), (nameof(options.WatchSilence), options.WatchSilence),
            (nameof(options.WatchMaxBackoff), options.WatchMaxBackoff), (nameof(options.AskAgain), options.AskAgain),
            (nameof(options.RetryAfter), options.RetryAfter),
        })
        {
            Require(value > TimeSpan.Zero && value < TimeSpan.FromHours(1), key, value, "is above zero and below an hour");
        }

        foreach (var (key, value) in new[]
        {
            (nameof(options.AdmitBatchItems), options.AdmitBatchItems), (nameof(options.AdmitsInFlight), options.AdmitsInFlight),
            (nameof(options.AdmitQueueItems), options.AdmitQueueItems), (nameof(options.MaxWaits), options.MaxWaits),
            (nameof(options.MaxEventStreams), options.MaxEventStreams), (nameof(options.MaxBodyBytes), options.MaxBodyBytes),
            (nameof(options.MaxBatchBodyBytes), options.MaxBatchBodyBytes), (nameof(options.MaxBatchTasks), options.MaxBatchTasks),
        })
        {
            Require(value > 0, key, value, "is above zero");
        }

        Require(options.MaxBodiesBytes >= options.MaxBatchBodyBytes, nameof(options.MaxBodiesBytes), options.MaxBodiesBytes, "holds a batch at least");
        Require(options.EventHold <= TimeSpan.FromSeconds(20), nameof(options.EventHold), options.EventHold, "is at most 20 s");
        Require(TenantId.IsValid(options.DefaultTenant), nameof(options.DefaultTenant), options.DefaultTenant, "is a tenant id");
        return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults);

        void Require(bool holds, string key, object value, string rule)
        {
            if (!holds)
            {
                faults.Add($"Gateway:{key} is {value}; a good value {rule}.");
            }
        }
    }
}
