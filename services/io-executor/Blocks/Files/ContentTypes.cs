using System.Collections.Frozen;

namespace Beamline.IoExecutor.Blocks.Files;

/// <summary>A file's content type: the one it was put with (kept with the file, in an extended attribute), else the one that its name suggests.</summary>
internal static class ContentTypes
{
    public const string Attribute = "user.beamline.content_type";
    public const int MaxLength = 200;

    private static readonly FrozenDictionary<string, string> ByExtension = new Dictionary<string, string>
    {
        [".bin"] = "application/octet-stream",
        [".css"] = "text/css",
        [".csv"] = "text/csv",
        [".gif"] = "image/gif",
        [".gz"] = "application/gzip",
        [".html"] = "text/html",
        [".jpeg"] = "image/jpeg",
        [".jpg"] = "image/jpeg",
        [".js"] = "text/javascript",
        [".json"] = "application/json",
        [".md"] = "text/markdown",
        [".mp4"] = "video/mp4",
        [".pdf"] = "application/pdf",
        [".png"] = "image/png",
        [".svg"] = "image/svg+xml",
        [".txt"] = "text/plain",
        [".webp"] = "image/webp",
        [".xml"] = "application/xml",
        [".yaml"] = "application/yaml",
        [".zip"] = "application/zip",
    }.ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);

    public static string OfName(string name) => ByExtension.GetValueOrDefault(Path.GetExtension(name), "application/octet-stream");

    /// <summary>Printable ASCII with a slash: enough to be sent in a header one day.</summary>
    public static bool IsValid(string type) =>
        type.Length <= MaxLength && type.IndexOf('/', StringComparison.Ordinal) is > 0 and var slash && slash < type.Length - 1 && type.All(c => c is >= ' ' and <= '~');
}
