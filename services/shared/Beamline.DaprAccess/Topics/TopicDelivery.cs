using System.Diagnostics;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Beamline.DaprAccess;

/// <summary>Turns one POST of the sidecar into a call of the handler, and the handler's word into Dapr's answer.</summary>
internal sealed class TopicDelivery(
    TopicSubscription subscription,
    Func<TopicMessage, CancellationToken, Task<TopicResponse>> handler,
    ILogger<TopicDelivery> logger)
{
    private static readonly ActivitySource Source = new("Beamline.DaprAccess");

    public async Task HandleAsync(HttpContext context)
    {
        var ct = context.RequestAborted;
        try
        {
            if (await BoundedRequestBody.ReadAsync(context.Request, subscription.Options.MaxBodyBytes, ct).ConfigureAwait(false) is not { } body)
            {
                logger.DeliveryTooLarge(subscription.Topic, subscription.PubsubName, subscription.Options.MaxBodyBytes);
                await AnswerAsync(context.Response, TopicResponse.Drop, ct).ConfigureAwait(false);
                return;
            }

            var message = TopicEnvelope.Read(body, context.Request.Headers["Topic"], subscription);
            using var activity = StartActivity(message);
            await AnswerAsync(context.Response, await handler(message, ct).ConfigureAwait(false), ct).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            // The sidecar has gone or given up; it delivers again, and reads no answer.
        }
        catch (Exception unreadable) when (unreadable is JsonException or FormatException && !context.Response.HasStarted)
        {
            logger.DeliveryUnreadable(subscription.Topic, subscription.PubsubName, unreadable);
            context.Response.StatusCode = StatusCodes.Status400BadRequest;
        }
        catch (Exception failure) when (!context.Response.HasStarted)
        {
            logger.DeliveryFailed(subscription.Topic, subscription.PubsubName, failure);
            context.Response.StatusCode = StatusCodes.Status500InternalServerError;
        }
    }

    // An activity also where nobody listens: the calls that the handler makes must carry the message's trace, not the
    // one that the web server began for this POST.
    private static Activity? StartActivity(TopicMessage message)
    {
        var parent = message.TraceContext;
        if (parent == default)
        {
            return null;
        }

        var name = $"{message.Topic} process";
        return Source.StartActivity(name, ActivityKind.Consumer, parent)
            ?? new Activity(name).SetParentId(parent.TraceId, parent.SpanId, parent.TraceFlags).Start();
    }

    private static Task AnswerAsync(HttpResponse response, TopicResponse answer, CancellationToken ct)
    {
        // An empty 200 is SUCCESS. Any other word than these three would be taken for RETRY.
        if (answer == TopicResponse.Success)
        {
            return Task.CompletedTask;
        }

        response.ContentType = "application/json";
        return response.WriteAsync(answer == TopicResponse.Retry ? """{"status":"RETRY"}""" : """{"status":"DROP"}""", ct);
    }
}
