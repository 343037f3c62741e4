using System.Globalization;
using System.Text;

namespace Beamline.IoExecutor.Blocks.Files;

/// <summary>
/// A path as a step names it, made safe to use: one to <see cref="MaxDepth"/> plain names below the tenant's root. Whatever could mean
/// another place on this or another system (<c>..</c>, encoded or look-alike separators, control characters, our own temporary
/// names) is refused rather than cleaned.
/// </summary>
internal sealed record TenantPath
{
    public const int MaxBytes = 1_024;
    public const int MaxDepth = 32;

    /// <summary>Temporary files of a put in flight begin with this; no step can name them.</summary>
    public const string ReservedPrefix = ".beamline-";

    private const int MaxNameBytes = 255;

    // Characters that some system, font or decoder takes for a dot, a slash or a backslash.
    private static readonly System.Buffers.SearchValues<char> LookAlikes = System.Buffers.SearchValues.Create("\\:\u2024\u2025\u2026\u2044\u2215\u2216\u29f8\u29f9\ufe52\ufe68\uff0e\uff0f\uff1a\uff3c");
    private static readonly System.Buffers.SearchValues<string> EncodedDots = System.Buffers.SearchValues.Create(["%2e", "%2f", "%5c", "%00", "%25"], StringComparison.OrdinalIgnoreCase);

    // A forged rollback journal beside a database can make SQLite delete a file anywhere: nobody but SQLite writes these.
    private static readonly string[] DatabaseCompanions = ["-journal", "-wal", "-shm"];

    private TenantPath(string[] names) => Names = names;

    public IReadOnlyList<string> Names { get; }

    public string Name => Names[^1];

    /// <summary>Relative to the tenant's root, with <c>/</c> between the names.</summary>
    public string Relative => string.Join('/', Names);

    /// <summary>Null with the reason when the path is refused (2003).</summary>
    public static TenantPath? Parse(string text, out string reason)
    {
        // `/data/x` is `data/x` under the tenant's root.
        var names = (text.StartsWith('/') ? text[1..] : text).Split('/', MaxDepth + 2);
        reason = WhyRefused(text, names) ?? "";
        return reason.Length == 0 ? new TenantPath(names) : null;
    }

    private static string? WhyRefused(string text, string[] names)
    {
        if (names.Length > MaxDepth || Encoding.UTF8.GetByteCount(text) > MaxBytes)
        {
            return string.Create(CultureInfo.InvariantCulture, $"The path is deeper than {MaxDepth} names or longer than {MaxBytes} bytes.");
        }

        return names.Select(WhyRefused).FirstOrDefault(reason => reason is not null);
    }

    private static string? WhyRefused(string name) => name switch
    {
        "" => "The path holds an empty name.",
        "." or ".." => "The path holds '.' or '..'.",
        _ when name.StartsWith(ReservedPrefix, StringComparison.OrdinalIgnoreCase) => $"Names that begin with '{ReservedPrefix}' are reserved.",
        _ when name[^1] is '.' or ' ' || name[0] == ' ' => "A name of the path begins with a space, or ends with a dot or a space.",
        _ when DatabaseCompanions.Any(ending => name.EndsWith(ending, StringComparison.OrdinalIgnoreCase)) => "Names that end like SQLite's own journals are reserved.",
        _ when Encoding.UTF8.GetByteCount(name) > MaxNameBytes => "A name of the path is longer than 255 bytes.",
        _ when name.AsSpan().ContainsAny(LookAlikes) || name.AsSpan().ContainsAny(EncodedDots) => "The path holds a backslash, a colon, or an encoded or look-alike separator or dot.",
        _ when HoldsUnprintable(name) => "The path holds control, formatting or broken characters.",
        _ => null,
    };

    private static bool HoldsUnprintable(string name)
    {
        foreach (var rune in name.EnumerateRunes())
        {
            // A lone surrogate is enumerated as the replacement character.
            if (rune == Rune.ReplacementChar || Rune.GetUnicodeCategory(rune) is UnicodeCategory.Control or UnicodeCategory.Format
                or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned)
            {
                return true;
            }
        }

        return false;
    }
}
