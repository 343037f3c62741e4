using System.Net.Sockets;
using Microsoft.Extensions.Options;

namespace Beamline.Observability;

/// <summary>Parts what keeps a process from starting and is for its starter to mend (settings, files, ports) from a bug.</summary>
public static class StartFailure
{
    /// <summary>What a process ends with that could not start.</summary>
    public const int ExitCode = 2;

    /// <returns>What to mend, in words; null for a bug, which should end the process with its stack.</returns>
    public static string? Describe(Exception failure) => failure switch
    {
        // Of several faulty sections each throws its own.
        AggregateException several => Join(several.InnerExceptions.Select(Describe)),
        OptionsValidationException invalid => Join(invalid.Failures),
        // The framework's words for a value that does not fit its option, an address in use, a guard that refuses.
        SettingsException or InvalidOperationException or FormatException or ArgumentException or IOException or UnauthorizedAccessException or SocketException => failure.Message,
        _ => null,
    };

    private static string? Join(IEnumerable<string?> faults)
    {
        string?[] all = [.. faults];
        return Array.Exists(all, fault => fault is null) ? null : string.Join(' ', all);
    }
}
