using System.Runtime.InteropServices;
using Beamline.Sidecar;
using Microsoft.Extensions.Logging.Console;

var line = SidecarCommandLine.Parse(args, Environment.GetEnvironmentVariable);
if (line.Faults.Count > 0)
{
    await Console.Error.WriteLineAsync(string.Join(Environment.NewLine, line.Faults) + Environment.NewLine + SidecarCommandLine.Usage);
    return 2;
}

// Logs go to stderr: stdout is the endpoints, a line each, for scripts.
using var loggers = LoggerFactory.Create(logging => logging
    .AddSimpleConsole(console => console.SingleLine = true)
    .Services.Configure<ConsoleLoggerOptions>(console => console.LogToStandardErrorThreshold = LogLevel.Trace));
using var stop = new CancellationTokenSource();
using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
try
{
    await SidecarProcess.RunAsync(line, loggers, Console.Out, stop.Token);
    return 0;
}
catch (SidecarConfigurationException failure)
{
    await Console.Error.WriteLineAsync(failure.Message);
    return 2;
}

void Stop(PosixSignalContext signal)
{
    signal.Cancel = true;
    stop.Cancel();
}
