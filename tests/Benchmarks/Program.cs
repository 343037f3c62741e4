using System.Globalization;
using Beamline.Benchmarks;
using Beamline.Benchmarks.Load;

if (args is [AnsweringServer.Verb, var port])
{
    return await AnsweringServer.ServeAsync(int.Parse(port, CultureInfo.InvariantCulture));
}

try
{
    return await BenchCommand.RunAsync(BenchOptions.Parse(args));
}
catch (Exception exception) when (exception is ArgumentException or FormatException)
{
    Console.Error.WriteLine($"benchmarks: {exception.Message}");
    return 2;
}
