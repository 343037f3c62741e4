using System.Runtime.InteropServices;
using Beamline.Observability;
using Beamline.Sidecar;

var line = SidecarCommandLine.Parse(args, Environment.GetEnvironmentVariable);
if (line.Faults.Count > 0)
{
    await Console.Error.WriteLineAsync(string.Join(Environment.NewLine, line.Faults) + Environment.NewLine + SidecarCommandLine.Usage);
    return StartFailure.ExitCode;
}

// Logs go to stderr: stdout is the endpoints, a line each, for scripts.
using var loggers = BeamlineLogging.CreateFactory("sidecar", Console.OpenStandardError());
using var stop = new CancellationTokenSource();
using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
try
{
    await SidecarProcess.RunAsync(line, loggers, Console.Out, stop.Token);
    return 0;
}
catch (Exception failure) when (((failure as SidecarConfigurationException)?.Message ?? StartFailure.Describe(failure)) is { } fault)
{
    await Console.Error.WriteLineAsync($"sidecar: {fault}");
    return StartFailure.ExitCode;
}

void Stop(PosixSignalContext signal)
{
    signal.Cancel = true;
    stop.Cancel();
}
