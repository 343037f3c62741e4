using System.Diagnostics.Metrics;
using Beamline.Gateway.Reading;
using Beamline.Gateway.Requests;
using Beamline.Gateway.Submission;
using Beamline.Gateway.Waiting;

namespace Beamline.Gateway;

/// <summary>What the gateway counts, by event.</summary>
internal sealed class GatewayMetrics : IDisposable
{
    private readonly Meter _meter;
    private readonly Counter<long> _requests;
    private readonly Counter<long> _submits;
    private readonly Histogram<double> _admission;

    public GatewayMetrics(IMeterFactory meters, BodyReader bodies, ResultWaits waits, EventEndpoints events, WatchFeed feed)
    {
        _meter = meters.Create("Beamline.Gateway");
        _requests = _meter.CreateCounter<long>("gateway_requests_total", description: "Requests answered, by route and status.");
        _submits = _meter.CreateCounter<long>("gateway_submits_total", description: "Valid assignments answered, by outcome.");
        _admission = _meter.CreateHistogram(
            "gateway_admission_ms",
            description: "Time of one admission by the scheduler, milliseconds.",
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.5, 1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2000] });
        _meter.CreateObservableGauge("gateway_body_bytes", () => bodies.Reserved, description: "Bytes of the bodies in hand.");
        _meter.CreateObservableGauge("gateway_waits", () => waits.Count, description: "Tasks that clients wait for.");
        _meter.CreateObservableGauge("gateway_event_streams", () => events.Streams, description: "Event streams held open.");
        _meter.CreateObservableGauge("gateway_watch_open", () => feed.IsOpen ? 1 : 0, description: "1 while results come from the scheduler.");
    }

    public void RequestAnswered(string route, int status) =>
        _requests.Add(1, new KeyValuePair<string, object?>("route", route), new("status", status));

    public void SubmitAnswered(AdmitAnswer answer) => _submits.Add(1, new KeyValuePair<string, object?>("outcome", answer switch
    {
        { ByBus: true } => "queued_on_bus",
        { IsAccepted: true } => "accepted",
        _ => answer.Outcome.Status,
    }));

    public void Admitted(TimeSpan took) => _admission.Record(took.TotalMilliseconds);

    public void Dispose() => _meter.Dispose();
}

internal static class RequestCounting
{
    /// <summary>Counts every answer, also those of the framework: outermost, so that it sees the status that was sent.</summary>
    public static void UseRequestCounting(this WebApplication app)
    {
        var metrics = app.Services.GetRequiredService<GatewayMetrics>();
        app.Use(async (context, next) =>
        {
            // Asked before: the handler of exceptions takes the endpoint away. The pattern, since paths hold ids.
            var route = (context.GetEndpoint() as RouteEndpoint)?.RoutePattern.RawText ?? "none";
            try
            {
                await next(context);
            }
            finally
            {
                metrics.RequestAnswered(route, context.Response.StatusCode);
            }
        });
    }
}
