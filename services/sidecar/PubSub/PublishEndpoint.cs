using Beamline.Sidecar.Bus;
using Beamline.Sidecar.Http;
using Beamline.Sidecar.Resiliency;
using Microsoft.AspNetCore.Http;
using Polly.Timeout;

namespace Beamline.Sidecar.PubSub;

/// <summary>Publishing, one by one and in bulk, for one app.</summary>
internal sealed class PublishEndpoint(
    SidecarApp app, IReadOnlyDictionary<string, PubSubComponent> components, BusStore bus, InMemoryBus memory, PolicyRunner policies, SidecarOptions options)
{
    private static readonly string[] True = ["1", "t", "T", "TRUE", "true", "True"];
    private static readonly string[] False = ["0", "f", "F", "FALSE", "false", "False", ""];
    private readonly CloudEventEnvelope _envelope = new(app.AppId, options.Time);
    private readonly bool _sampled = app.Options.TracePublishes ?? app.Contents.Configuration.TracePublishes ?? options.TracePublishes;

    public async Task<ApiAnswer> PublishAsync(HttpContext context, ApiPath path)
    {
        var target = new PublishTarget(path[2], path.From(3));
        var metadata = path.Metadata();
        if (Check(target, metadata, out var component, out var raw) is { } refusal)
        {
            return refusal;
        }

        var body = await RequestBody.ReadAsync(context.Request, options.HttpMaxRequestSize, context.RequestAborted).ConfigureAwait(false);
        if (body is null)
        {
            return PublishErrors.Failed(target, RequestBody.TooLarge);
        }

        var trace = raw ? TraceContext.None : PublishTrace.ForSingle(context.Request, _sampled);
        try
        {
            var data = raw ? body : _envelope.Wrap(target, body, context.Request.ContentType, metadata, trace);
            var errors = await SendAsync(component!, [new OutgoingMessage(target.Topic, data)], context.RequestAborted).ConfigureAwait(false);
            return errors[0] is { } why ? PublishErrors.Failed(target, why) : Accepted(trace);
        }
        catch (EnvelopeException failure)
        {
            return PublishErrors.NoCloudEvent(app.AppId, target, failure.Message);
        }
    }

    public async Task<ApiAnswer> PublishBulkAsync(HttpContext context, ApiPath path)
    {
        var target = new PublishTarget(path[3], path.From(4));
        var metadata = path.Metadata();
        if (Check(target, metadata, out var component, out var raw) is { } refusal)
        {
            return refusal;
        }

        var body = await RequestBody.ReadAsync(context.Request, options.HttpMaxRequestSize, context.RequestAborted).ConfigureAwait(false);
        if (body is null)
        {
            return PublishErrors.Unreadable(app.AppId, target, RequestBody.TooLarge);
        }

        if (BulkRequest.TryRead(body, app.AppId, target, out var entries) is { } malformed)
        {
            return malformed;
        }

        if (entries.Count == 0)
        {
            return ApiAnswer.NoContent;
        }

        var messages = new OutgoingMessage[entries.Count];
        for (var index = 0; index < messages.Length; index++)
        {
            var entry = entries[index];
            try
            {
                var trace = raw ? TraceContext.None : PublishTrace.ForEntry(context.Request, _sampled);
                messages[index] = new OutgoingMessage(
                    target.Topic, raw ? entry.Data : _envelope.Wrap(target, entry.Data, entry.ContentType, entry.Metadata, trace));
            }
            catch (EnvelopeException failure)
            {
                return PublishErrors.NoEnvelope(app.AppId, target, failure.Message);
            }
        }

        var errors = await SendAsync(component!, messages, context.RequestAborted).ConfigureAwait(false);
        return Array.TrueForAll(errors, error => error is null) ? ApiAnswer.NoContent : PublishErrors.SomeFailed(target, entries, errors);
    }

    private static ApiAnswer Accepted(TraceContext trace)
    {
        if (trace.Parent.Length == 0)
        {
            return ApiAnswer.NoContent;
        }

        List<(string, string)> headers = [("Traceparent", trace.Parent)];
        if (trace.State.Length > 0)
        {
            headers.Add(("Tracestate", trace.State));
        }

        return ApiAnswer.NoContent with { Headers = headers };
    }

    private ApiAnswer? Check(PublishTarget target, Dictionary<string, string> metadata, out PubSubComponent? component, out bool raw)
    {
        raw = false;
        component = null;
        if (target.PubSub.Length == 0 || target.Topic.Length == 0)
        {
            return ApiAnswer.UnknownPath;
        }

        if (!components.TryGetValue(target.PubSub, out component))
        {
            return PublishErrors.UnknownPubSub(target);
        }

        var text = metadata.GetValueOrDefault("rawPayload", "");
        raw = True.Contains(text);
        return !raw && !False.Contains(text) ? PublishErrors.BadRawPayload(target, text)
            : component.MayPublish(app.AppId, target.Topic) ? null
            : PublishErrors.Forbidden(app.AppId, target);
    }

    private async Task<string?[]> SendAsync(PubSubComponent component, IReadOnlyList<OutgoingMessage> messages, CancellationToken cancellation)
    {
        if (component.InMemory)
        {
            return await memory.PublishAsync(component.Name, messages, cancellation).ConfigureAwait(false);
        }

        try
        {
            var attempt = await policies.RunAsync(
                policies.ForComponent(app.AppId, component.Name, "outbound"), ("outbound", app.AppId, component.Name, ""),
                static async (bound, token) =>
                {
                    var errors = await bound.Bus.PublishAsync(bound.Messages, token).ConfigureAwait(false);
                    var failed = Array.Exists(errors, error => error is not null);
                    return new Attempt(errors, failed, failed);
                },
                (Bus: bus, Messages: messages), cancellation).ConfigureAwait(false);
            return (string?[])attempt.Result!;
        }
        catch (Exception failure) when (failure is BreakerOpenException or TimeoutRejectedException)
        {
            var why = failure is BreakerOpenException ? failure.Message : "context deadline exceeded";
            return [.. messages.Select(_ => why)];
        }
    }
}
