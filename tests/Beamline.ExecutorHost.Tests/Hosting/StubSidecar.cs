using System.Collections.Concurrent;
using System.Net;
using System.Text.Json;
using Beamline.Contracts.Exchange;
using Beamline.Contracts.Json;
using Beamline.Contracts.Workers;

namespace Beamline.ExecutorHost.Tests.Hosting;

/// <summary>A sidecar in memory: a scheduler with so many leases to give, and a bus that keeps heartbeats.</summary>
internal sealed class StubSidecar(int leases) : HttpMessageHandler
{
    private readonly Lock _gate = new(); // Guards the leases to give and the results.
    private readonly HashSet<long> _open = [];
    private int _given;

    public TaskCompletionSource AllReported { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public BlockingCollection<WorkerHeartbeat> Heartbeats { get; } = new(1000);

    public int Reported { get; private set; }

    public int Calls { get; private set; }

    public bool SawDraining { get; private set; }

    public bool BusIsAway { get; init; }

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var body = await request.Content!.ReadAsByteArrayAsync(cancellationToken);
        var path = request.RequestUri!.AbsolutePath;
        if (path.EndsWith("/exchange", StringComparison.Ordinal))
        {
            var answer = Answer(JsonSerializer.Deserialize(body, BeamlineJson.Default.ExchangeRequest)!, out var hold);
            if (hold)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(200), TimeProvider.System, cancellationToken);
            }

            return new HttpResponseMessage(HttpStatusCode.OK) { Content = new ByteArrayContent(JsonSerializer.SerializeToUtf8Bytes(answer, BeamlineJson.Default.ExchangeResponse)) };
        }

        if (BusIsAway)
        {
            return new HttpResponseMessage(HttpStatusCode.InternalServerError);
        }

        Assert.EndsWith("/caf.worker.heartbeat.v1", path, StringComparison.Ordinal);
        Heartbeats.Add(JsonSerializer.Deserialize(body, BeamlineJson.Default.WorkerHeartbeat)!, cancellationToken);
        return new HttpResponseMessage(HttpStatusCode.NoContent);
    }

    private ExchangeResponse Answer(ExchangeRequest request, out bool hold)
    {
        lock (_gate)
        {
            Calls++;
            SawDraining |= request.Draining;
            var granted = new List<Lease>();
            foreach (var report in request.Reports ?? [])
            {
                Reported += _open.Remove(report.Lease) ? 1 : 0;
            }

            // As a scheduler does: what was granted and is not known to the worker yet fills its slots already.
            var free = request.Free - _open.Except(request.Running.Select(running => running.Lease)).Count();
            while (granted.Count < free && _given < leases)
            {
                _open.Add(++_given);
                granted.Add(Harness.TestLeases.Of(_given));
            }

            if (Reported == leases)
            {
                AllReported.TrySetResult();
            }

            hold = request.Channel == ExchangeChannels.Work && granted.Count == 0 && !request.Draining;
            return new ExchangeResponse
            {
                Seq = request.Seq,
                Leases = granted,
                Renewed = [.. request.Running.Select(running => running.Lease)],
                Cancelled = [],
                Refused = [],
                Accepted = [.. (request.Reports ?? []).Select(report => report.Lease)],
                Started = [],
                HeldMs = hold ? 200 : 0,
                TermMs = 15_000,
            };
        }
    }
}
