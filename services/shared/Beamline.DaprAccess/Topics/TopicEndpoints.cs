// Stands in for the package Dapr.AspNetCore (MapSubscribeHandler, WithTopic), which the project's feed does not hold.
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Beamline.DaprAccess;

/// <summary>The app's side of pub/sub.</summary>
public static class TopicEndpoints
{
    /// <summary>Answers the sidecar's question for the subscriptions: those of every <see cref="MapTopic"/> of this app.</summary>
    public static IEndpointConventionBuilder MapDaprSubscriptions(this IEndpointRouteBuilder endpoints) =>
        endpoints.MapGet(DaprRoutes.Subscriptions, static async context =>
        {
            var mapped = context.RequestServices.GetRequiredService<EndpointDataSource>().Endpoints;
            IReadOnlyList<SubscriptionWire> subscriptions = [.. mapped
                .Select(endpoint => endpoint.Metadata.GetMetadata<TopicSubscription>())
                .OfType<TopicSubscription>()
                .Select(subscription => subscription.ToWire())];
            await context.Response.WriteAsJsonAsync(subscriptions, DaprJson.Default.IReadOnlyListSubscriptionWire, cancellationToken: context.RequestAborted);
        }).WithDisplayName("dapr subscriptions");

    /// <summary>
    /// Subscribes: deliveries of <paramref name="topic"/> are posted to <paramref name="route"/> and given to <paramref name="handler"/>.
    /// An exception is logged and answered with 500, which means deliver again. The handler takes over durably and returns:
    /// while it runs nothing else comes through this component.
    /// </summary>
    public static IEndpointConventionBuilder MapTopic(
        this IEndpointRouteBuilder endpoints,
        string pubsubName,
        string topic,
        string route,
        TopicOptions options,
        Func<TopicMessage, CancellationToken, Task<TopicResponse>> handler)
    {
        var subscription = new TopicSubscription(pubsubName, topic, route, options);
        var logger = endpoints.ServiceProvider.GetRequiredService<ILoggerFactory>().CreateLogger<TopicDelivery>();
        var delivery = new TopicDelivery(subscription, handler, logger);
        return endpoints.MapPost(route, (RequestDelegate)delivery.HandleAsync)
            .WithMetadata(subscription)
            .WithDisplayName($"topic {topic} on {pubsubName}");
    }
}

/// <summary>What one topic endpoint subscribes to; metadata of the endpoint.</summary>
internal sealed record TopicSubscription(string PubsubName, string Topic, string Route, TopicOptions Options)
{
    public SubscriptionWire ToWire()
    {
        var metadata = new Dictionary<string, string>(Options.Metadata, StringComparer.Ordinal);
        if (Options.RawPayload)
        {
            metadata["rawPayload"] = "true";
        }

        return new SubscriptionWire(PubsubName, Topic, Route.StartsWith('/') ? Route : "/" + Route, metadata.Count > 0 ? metadata : null);
    }
}
