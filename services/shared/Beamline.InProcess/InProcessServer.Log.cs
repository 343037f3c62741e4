using Microsoft.Extensions.Logging;

namespace Beamline.InProcess;

public sealed partial class InProcessServer
{
    [LoggerMessage(LogLevel.Error, "The application failed on {Method} {Path}")]
    private static partial void ApplicationFailed(ILogger logger, Exception failure, string method, string path);
}
