using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Beamline.Contracts;
using Beamline.Contracts.Errors;

namespace Beamline.Gateway.Requests;

/// <summary>The parts of a query string that several requests share.</summary>
internal static class RequestQuery
{
    /// <summary><c>?tenant_id=</c>, else the default tenant.</summary>
    public static bool TryTenant(HttpRequest request, GatewayOptions options, out string tenant, [NotNullWhen(false)] out RequestFault? fault)
    {
        fault = null;
        tenant = request.Query["tenant_id"] is [{ } given] ? given : options.DefaultTenant;
        if (TenantId.IsValid(tenant))
        {
            return true;
        }

        fault = RequestFault.Invalid("tenant_id", "A tenant id is 1 to 64 characters of A-Z a-z 0-9 _ -.", ErrorCode.InvalidFormat);
        return false;
    }

    /// <summary><c>?wait=</c> in seconds (<c>5</c>, <c>0.5</c>), or with a unit (<c>5s</c>, <c>500ms</c>); null when there is none.</summary>
    public static bool TryWait(HttpRequest request, GatewayOptions options, out TimeSpan? wait, [NotNullWhen(false)] out RequestFault? fault)
    {
        (wait, fault) = (null, null);
        if (request.Query["wait"] is not [{ } text])
        {
            return true;
        }

        var (number, factor) = text switch
        {
            _ when text.EndsWith("ms", StringComparison.Ordinal) => (text[..^2], 0.001),
            _ when text.EndsWith('s') => (text[..^1], 1.0),
            _ => (text, 1.0),
        };
        if (double.TryParse(number, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var value)
            && value * factor <= options.MaxWait.TotalSeconds)
        {
            wait = TimeSpan.FromSeconds(value * factor);
            return true;
        }

        fault = RequestFault.Invalid("wait", $"wait is a number of seconds (5, 0.5, 5s, 500ms), at most {options.MaxWait.TotalSeconds:0}.");
        return false;
    }
}
