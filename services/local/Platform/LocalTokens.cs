using System.Security.Cryptography;

namespace Beamline.Local.Platform;

/// <summary>What apps show their sidecar, and it shows them: random for each run, so that nothing else on the machine passes for either.</summary>
internal sealed record LocalTokens(string Sidecar, string App)
{
    public static LocalTokens New() => new(Random(), Random());

    private static string Random() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(24));
}
