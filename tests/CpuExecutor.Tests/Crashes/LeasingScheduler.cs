using System.Collections.Concurrent;
using Beamline.Contracts.Exchange;
using Beamline.Contracts.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Beamline.CpuExecutor.Tests.Crashes;

/// <summary>
/// A sidecar's socket with a scheduler behind it that knows one task: it grants it to each new incarnation until a result was
/// reported, and accepts what is reported.
/// </summary>
internal sealed class LeasingScheduler : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ConcurrentDictionary<string, long> _leases = new();
    private readonly TaskCompletionSource<LeaseReport> _reported = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _granted;

    private LeasingScheduler(WebApplication app) => _app = app;

    public ConcurrentQueue<LeaseReport> Reports { get; } = [];

    public Task<LeaseReport> Reported => _reported.Task;

    public int Granted => Volatile.Read(ref _granted);

    public bool StartRequired { get; init; }

    public int Starts { get; private set; }

    public string Address => _app.Urls.First();

    public static async Task<LeasingScheduler> StartAsync(bool startRequired = false)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        var app = builder.Build();
        var scheduler = new LeasingScheduler(app) { StartRequired = startRequired };
        app.MapPost("/{**path}", scheduler.AnswerAsync);
        await app.StartAsync(TestContext.Current.CancellationToken);
        return scheduler;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task AnswerAsync(HttpContext context)
    {
        if (!context.Request.Path.Value!.EndsWith("/exchange", StringComparison.Ordinal))
        {
            context.Response.StatusCode = StatusCodes.Status204NoContent;
            return;
        }

        var request = await context.Request.ReadFromJsonAsync(BeamlineJson.Default.ExchangeRequest, context.RequestAborted);
        var leases = Grant(request!);
        if (request!.Channel == ExchangeChannels.Work && leases.Count == 0 && !request.Draining)
        {
            // Held for a while, as a scheduler does.
            await Task.Delay(TimeSpan.FromMilliseconds(500), TimeProvider.System, context.RequestAborted);
        }

        Starts += request.Starts?.Count ?? 0;
        await context.Response.WriteAsJsonAsync(
            new ExchangeResponse
            {
                Seq = request.Seq,
                Leases = leases,
                Renewed = [.. request.Running.Select(running => running.Lease)],
                Cancelled = [],
                Refused = [],
                Accepted = [.. (request.Reports ?? []).Select(report => report.Lease)],
                Started = [.. (request.Starts ?? []).Select(start => start.Lease)],
                HeldMs = 0,
                TermMs = 15_000,
            },
            BeamlineJson.Default.ExchangeResponse,
            cancellationToken: context.RequestAborted);
        foreach (var report in request.Reports ?? [])
        {
            Reports.Enqueue(report);
            _reported.TrySetResult(report);
        }
    }

    private List<Lease> Grant(ExchangeRequest request)
    {
        if (request.Free == 0 || Reported.IsCompleted || !_leases.TryAdd(request.Incarnation, 0))
        {
            return [];
        }

        var number = Interlocked.Increment(ref _granted);
        return
        [
            new Lease
            {
                Number = number,
                TenantId = "t",
                AssignmentId = "a",
                Assignment = RawJson.FromString("""
                    {"version":"1","assignment_id":"a","request_id":"r","tenant_id":"t","executor":{"provider_id":"p"},
                     "job":{"type":"crypto.hash","content":"beam"}}
                    """),
                Delivery = number,
                Replay = 0,
                RemainingMs = 30_000,
                StartRequired = StartRequired,
            },
        ];
    }
}
