using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Beamline.Contracts;
using Beamline.Contracts.Errors;

namespace Beamline.Gateway.Requests;

/// <summary>The parts of a query string that several requests share.</summary>
internal static class RequestQuery
{
    private const int MaxListLimit = 500;

    /// <summary>A parameter's value, or null where it is left out. Given twice it is refused: nobody could say which was meant.</summary>
    public static bool TryOne(HttpRequest request, string name, out string? value, [NotNullWhen(false)] out RequestFault? fault)
    {
        var given = request.Query[name];
        (value, fault) = (given is [{ } one] ? one : null, null);
        if (given.Count > 1)
        {
            fault = RequestFault.Invalid(name, $"{name} is given {given.Count} times; once is enough.");
        }

        return fault is null;
    }

    /// <summary><c>?tenant_id=</c>, else the default tenant.</summary>
    public static bool TryTenant(HttpRequest request, GatewayOptions options, out string tenant, [NotNullWhen(false)] out RequestFault? fault)
    {
        tenant = options.DefaultTenant;
        if (!TryOne(request, "tenant_id", out var given, out fault))
        {
            return false;
        }

        tenant = given ?? tenant;
        if (TenantId.IsValid(tenant))
        {
            return true;
        }

        fault = RequestFault.Invalid("tenant_id", "A tenant id is 1 to 64 characters of A-Z a-z 0-9 _ -.", ErrorCode.InvalidFormat);
        return false;
    }

    /// <summary><c>?limit=</c> of a list; null where it is left out.</summary>
    public static bool TryLimit(HttpRequest request, out int? limit, [NotNullWhen(false)] out RequestFault? fault)
    {
        limit = null;
        if (!TryOne(request, "limit", out var text, out fault) || text is null)
        {
            return fault is null;
        }

        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var given) && given is >= 1 and <= MaxListLimit)
        {
            limit = given;
            return true;
        }

        fault = RequestFault.Invalid("limit", $"limit is 1 to {MaxListLimit}.");
        return false;
    }

    /// <summary><c>?wait=</c> in seconds (<c>5</c>, <c>0.5</c>), or with a unit (<c>5s</c>, <c>500ms</c>); null when there is none.</summary>
    public static bool TryWait(HttpRequest request, GatewayOptions options, out TimeSpan? wait, [NotNullWhen(false)] out RequestFault? fault)
    {
        wait = null;
        if (!TryOne(request, "wait", out var text, out fault) || text is null)
        {
            return fault is null;
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
