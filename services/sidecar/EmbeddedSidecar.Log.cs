using Beamline.Sqlite;

namespace Beamline.Sidecar;

public sealed partial class EmbeddedSidecar
{
    [LoggerMessage(LogLevel.Information, "The embedded sidecar runs on {Directory} with SQLite {Version} ({Source}), synchronous {Synchronous}")]
    private static partial void SidecarStarted(ILogger logger, string directory, string version, string source, SqliteSynchronous synchronous);
}
