using System.Globalization;

namespace Beamline.Scheduler.Core;

/// <summary>The names under which the API and the bus know rows of the ledger.</summary>
internal static class RowNames
{
    private const string DeadLetterPrefix = "dl-";
    private const string ReplayPrefix = "rp-";

    public static string DeadLetter(long id) => DeadLetterPrefix + id.ToString(CultureInfo.InvariantCulture);

    public static string Replay(long id) => ReplayPrefix + id.ToString(CultureInfo.InvariantCulture);

    /// <summary>Null for a name that no dead letter can have.</summary>
    public static long? DeadLetterIdOf(string? name) => IdOf(name, DeadLetterPrefix);

    /// <summary>Null for a name that no replay can have.</summary>
    public static long? ReplayIdOf(string? name) => IdOf(name, ReplayPrefix);

    // The one way in which a number is written: dl-7 and dl-07 must not be two names of one row.
    private static long? IdOf(string? name, string prefix) =>
        name?.StartsWith(prefix, StringComparison.Ordinal) == true
        && long.TryParse(name.AsSpan(prefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var id)
        && name.Length > prefix.Length && (name[prefix.Length] != '0')
            ? id
            : null;
}
