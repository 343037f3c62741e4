using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Beamline.Sidecar.Http;

/// <summary>
/// <c>GET /beamline/faults</c>, <c>PUT /beamline/faults/{bus|state}</c> with <c>{"mode":"up|away|slow","delay_ms":100}</c>: no path
/// of Dapr's, there only where the options ask for it, and behind the API token.
/// </summary>
internal static class FaultRoute
{
    private const int MaxBody = 4 * 1024;

    public static async Task<ApiAnswer> HandleAsync(HttpContext context, ApiPath path, SidecarFaults faults)
    {
        if (HttpMethods.IsGet(context.Request.Method) && path.Count == 2)
        {
            return ApiAnswer.Json(ApiAnswer.Fields(("bus", Describe(faults.Bus)), ("state", Describe(faults.State))));
        }

        var target = path[2] switch { "bus" => faults.Bus, "state" => faults.State, _ => null };
        if (target is null || path.Count != 3 || !HttpMethods.IsPut(context.Request.Method))
        {
            return ApiAnswer.UnknownPath;
        }

        var body = await RequestBody.ReadAsync(context.Request, MaxBody, context.RequestAborted).ConfigureAwait(false);
        if (body is null || !TryRead(body, out var mode, out var delay))
        {
            return ApiAnswer.Error(
                StatusCodes.Status400BadRequest, "ERR_MALFORMED_REQUEST", "expected {\"mode\":\"up|away|slow\",\"delay_ms\":100}");
        }

        target.Set(mode, delay);
        return ApiAnswer.NoContent;
    }

    private static Dictionary<string, object?> Describe(FaultSwitch fault) => ApiAnswer.Fields(
        ("mode", fault.Mode switch { FaultMode.Away => "away", FaultMode.Slow => "slow", _ => "up" }), ("delay_ms", (int)fault.Delay.TotalMilliseconds));

    private static bool TryRead(byte[] body, out FaultMode mode, out TimeSpan delay)
    {
        (mode, delay) = (FaultMode.Up, TimeSpan.Zero);
        try
        {
            using var document = JsonDocument.Parse(body);
            var root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object || !root.TryGetProperty("mode", out var text) || text.ValueKind != JsonValueKind.String)
            {
                return false;
            }

            if (root.TryGetProperty("delay_ms", out var number) && number.TryGetInt32(out var milliseconds))
            {
                delay = TimeSpan.FromMilliseconds(milliseconds);
            }

            return Enum.TryParse(text.GetString(), ignoreCase: true, out mode) && Enum.IsDefined(mode) && delay >= TimeSpan.Zero;
        }
        catch (Exception failure) when (failure is JsonException or InvalidOperationException)
        {
            return false;
        }
    }
}
