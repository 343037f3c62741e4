using System.Diagnostics;
using Beamline.TestKit.Processes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Beamline.Benchmarks.Load;

/// <summary>
/// Answers every call after a while, so that the slots of an executor, and not the machine's cores, are what a platform has: many
/// times its capacity can then be offered by the same machine.
/// </summary>
internal sealed class SlowServer : IAsyncDisposable
{
    private readonly WebApplication _app;
    private long _holdMs;
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private SlowServer(WebApplication app, Uri address) => (_app, Address) = (app, address);

    public Uri Address { get; }

    /// <summary>How long calls are held, those under way too.</summary>
    public TimeSpan Hold
    {
        get => TimeSpan.FromMilliseconds(Interlocked.Read(ref _holdMs));
        set
        {
            Interlocked.Exchange(ref _holdMs, (long)value.TotalMilliseconds);
            Interlocked.Exchange(ref _changed, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).SetResult();
        }
    }

    public static async Task<SlowServer> StartAsync(TimeSpan hold)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        var address = new Uri($"http://127.0.0.1:{FreePorts.Take(1)[0]}");
        builder.WebHost.UseUrls(address.ToString());
        var app = builder.Build();
        var server = new SlowServer(app, address) { Hold = hold };
        app.Run(server.AnswerAsync);
        await app.StartAsync();
        return server;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task AnswerAsync(HttpContext context)
    {
        try
        {
            var come = Stopwatch.GetTimestamp();
            for (var changed = Volatile.Read(ref _changed).Task; Hold - Stopwatch.GetElapsedTime(come) is { Ticks: > 0 } left; changed = Volatile.Read(ref _changed).Task)
            {
                await Task.WhenAny(Task.Delay(left, TimeProvider.System, context.RequestAborted), changed);
                context.RequestAborted.ThrowIfCancellationRequested();
            }

            await context.Response.WriteAsync("ok", context.RequestAborted);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            // Its process was killed.
        }
    }
}
