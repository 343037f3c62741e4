using Beamline.Contracts.DeadLetters;
using Beamline.Contracts.Tasks;
using Beamline.Gateway.DeadLetters;
using Microsoft.OpenApi;

namespace Beamline.Gateway.OpenApi;

/// <summary>The texts of <c>/openapi/v1.json</c> about dead letters.</summary>
internal static class DeadLetterDescriptions
{
    private const string Json = "application/json";

    private static readonly ApiParameter Tenant = new("tenant_id", ParameterLocation.Query, "The tenant; 'default' when left out.");

    public static readonly ApiDescription List = new()
    {
        Summary = "List dead letters, newest first",
        Text = "What failed for good, with its assignment (secrets redacted), its result and, once it was asked for, its replay.",
        Parameters =
        [
            Tenant,
            new("cursor", ParameterLocation.Query, "From the page before."),
            new("limit", ParameterLocation.Query, "1 to 500, default 100."),
        ],
        Bodies = route => route.Produces<ListDeadLettersResponse>(StatusCodes.Status200OK),
        Problems = [400, 503],
    };

    public static readonly ApiDescription Get = new()
    {
        Summary = "Inspect a dead letter",
        Text = "Whole, where the list and the bus cut it: what could not be parsed is in assignment_raw_base64 byte for byte. replayed says who had it replayed, when, and what became of that.",
        Parameters = [Tenant],
        Bodies = route => route.Produces<DeadLetter>(StatusCodes.Status200OK),
        Problems = [400, 404, 503],
    };

    public static readonly ApiDescription ReplayOne = new()
    {
        Summary = "Replay a dead letter",
        Text = "The step runs again with the same bytes and the next replay ordinal; GET /v1/tasks/{id} then shows that run. 409 says why it may not: it was replayed before, could not be parsed, has expired, or is at_most_once and has started (then allow_repeat).",
        Parameters = [Tenant],
        Bodies = route => route.Accepts<ReplayOneBody>(isOptional: true, Json).Produces<ReplayDeadLettersResponse>(StatusCodes.Status202Accepted),
        Problems = [400, 404, 409, 413, 415, 429, 503],
    };

    public static readonly ApiDescription ReplayMany = new()
    {
        Summary = "Replay many dead letters",
        Text = "Those that fit the filter and were not replayed yet, oldest first, at a rate; dry_run only counts them. 202 says that they are durably asked for and will run, over restarts too, as soon as the tenant's quota has room; 200 that there was nothing to do.",
        Parameters = [Tenant],
        Bodies = route => route.Accepts<ReplayBody>(isOptional: true, Json)
            .Produces<ReplayDeadLettersResponse>(StatusCodes.Status202Accepted).Produces<ReplayDeadLettersResponse>(StatusCodes.Status200OK),
        Problems = [400, 413, 415, 429, 503],
    };

    public static readonly ApiDescription GetReplay = new()
    {
        Summary = "Follow a replay",
        Text = "How many of its dead letters wait, were replayed, or were refused when their turn came.",
        Parameters = [Tenant],
        Bodies = route => route.Produces<ReplayProgress>(StatusCodes.Status200OK),
        Problems = [400, 404, 503],
    };
}
