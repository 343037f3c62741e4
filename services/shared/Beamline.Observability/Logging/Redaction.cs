using System.Buffers;
using System.Text.RegularExpressions;

namespace Beamline.Observability;

/// <summary>Takes secrets out of text that leaves the process. Better a word too many than a password.</summary>
public static partial class Redaction
{
    public const string Mark = "[redacted]";

    // Nearly no text has one of these; looking for them first keeps the expression off the common path.
    private static readonly SearchValues<string> Hints = SearchValues.Create(
        ["authorization", "bearer ", "dapr-api-token", "api-key", "api_key", "apikey", "accountkey", "password", "passwd", "pwd=", "{{secret:", "@"], StringComparison.OrdinalIgnoreCase);

    /// <summary>Replaces the secret parts: Authorization and dapr-api-token headers, bearer tokens, passwords in connection strings and addresses, <c>{{secret:…}}</c>.</summary>
    public static string Text(string text) =>
        text.AsSpan().ContainsAny(Hints) ? Secrets().Replace(text, static match => match.Groups["keep"].Value + Mark) : text;

    /// <summary>True for names whose value is a secret as a whole, for example <c>Authorization</c> or <c>ApiToken</c>.</summary>
    public static bool IsSecretName(string name) => SecretNames().IsMatch(name);

    // {0,40} between the name and its value covers quotes, colons and spaces of headers, JSON and connection strings.
    [GeneratedRegex("""
        (?<keep>\bauthorization["']?\s{0,4}[:=]\s{0,4}\[?["']?)(?:(?:basic|bearer|digest|negotiate|token)\s+)?[^\s"',;\]}]+
        |(?<keep>\bbearer\s+)[A-Za-z0-9._~+/=-]+
        |(?<keep>\b(?:dapr-api-token|(?:x-)?api[-_]?key|accountkey|password|passwd|pwd)["']?\s{0,4}[:=]\s{0,4})(?:"[^"]*"|'[^']*'|[^\s"',;&}]+)
        |(?<keep>://[^\s/:@]*:)[^\s/@]+(?=@)
        |(?<keep>)\{\{secret:[^}]*\}\}
        """, RegexOptions.IgnoreCase | RegexOptions.IgnorePatternWhitespace | RegexOptions.ExplicitCapture)]
    private static partial Regex Secrets();

    [GeneratedRegex("^(authorization|(dapr[-_]?|app[-_]?)?api[-_]?(token|key)|.*(password|passwd|secret))$", RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture)]
    private static partial Regex SecretNames();
}
