using System.Buffers;

namespace Beamline.Contracts;

/// <summary>The form of a tenant id: 1 to 64 of <c>A-Z a-z 0-9 _ -</c>, since it becomes a token of a subject.</summary>
public static class TenantId
{
    private static readonly SearchValues<char> Allowed =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-");

    public static bool IsValid(string text) =>
        text.Length is >= 1 and <= WireLimits.MaxTenantIdLength && !text.AsSpan().ContainsAnyExcept(Allowed);
}

/// <summary>The form of every other id: 1 to 128 printable ASCII characters.</summary>
public static class WireId
{
    public static bool IsValid(string text) =>
        text.Length is >= 1 and <= WireLimits.MaxIdLength && !text.AsSpan().ContainsAnyExceptInRange(' ', '~');
}
