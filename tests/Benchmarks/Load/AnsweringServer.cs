using Beamline.Observability;
using Beamline.TestKit.Processes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Beamline.Benchmarks.Load;

/// <summary>w2's server: answers <c>/n/{number}</c> with the number, at once. Runs as a child process, so its CPU is not counted.</summary>
internal static class AnsweringServer
{
    public const string Verb = "serve-answers";

    public static async Task<int> ServeAsync(int port)
    {
        var builder = BeamlineHost.CreateBuilder([]);
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls($"http://127.0.0.1:{port}");
        var app = builder.Build();
        app.Run(context => context.Response.WriteAsync(context.Request.Path.Value![3..], context.RequestAborted));
        await app.StartAsync();
        Console.WriteLine("answering");
        await app.WaitForShutdownAsync();
        return 0;
    }

    public static async Task<(ServiceProcess Process, Uri Address)> StartAsync()
    {
        var port = FreePorts.Take(1)[0];
        var process = ServiceProcess.Start("answers", Environment.ProcessPath!, [Verb, port.ToString(System.Globalization.CultureInfo.InvariantCulture)]);
        await process.WaitForLineAsync("answering", TimeSpan.FromSeconds(20));
        return (process, new Uri($"http://127.0.0.1:{port}"));
    }
}
