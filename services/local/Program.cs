using System.CommandLine;
using Beamline.Local;

var command = new LocalCommand().Build();

// Running steps get this long to finish after Ctrl-C or SIGTERM; what has not finished then is handed back to the ledger.
var invocation = new InvocationConfiguration { ProcessTerminationTimeout = TimeSpan.FromSeconds(30) };
return await command.Parse(args).InvokeAsync(invocation);
