using Beamline.Sidecar.Http;
using Microsoft.AspNetCore.Http;

namespace Beamline.Sidecar.PubSub;

/// <summary>The publish API's errors, word for word as the real runtime's.</summary>
internal static class PublishErrors
{
    private const string PublishCode = "ERR_PUBSUB_PUBLISH_MESSAGE";

    public static ApiAnswer UnknownPubSub(PublishTarget target) => ApiAnswer.Error(
        StatusCodes.Status404NotFound, "ERR_PUBSUB_NOT_FOUND", $"pubsub {target.PubSub} is not found",
        new ErrorReason("DAPR_PUBSUB_NOT_FOUND", ApiAnswer.Fields()));

    public static ApiAnswer BadRawPayload(PublishTarget target, string text) => ApiAnswer.Error(
        StatusCodes.Status400BadRequest, "ERR_PUBSUB_REQUEST_METADATA",
        $"failed deserializing metadata. Error: rawPayload value must be a valid boolean: actual is '{text}'",
        Reason("DAPR_PUBSUB_METADATA_DESERIALIZATION", target, ("rawPayload", text)));

    public static ApiAnswer Forbidden(string appId, PublishTarget target)
    {
        var message = $"topic {target.Topic} is not allowed for app id {appId}";
        return ApiAnswer.Error(
            StatusCodes.Status403Forbidden, "ERR_PUBSUB_FORBIDDEN", message,
            Reason("DAPR_PUBSUB_FORBIDDEN", target, ("error", message), ("topic", target.Topic)));
    }

    public static ApiAnswer Failed(PublishTarget target, string why) => ApiAnswer.Error(
        StatusCodes.Status500InternalServerError, PublishCode, FailedText(target, why),
        Reason("DAPR_PUBSUB_PUBLISH_MESSAGE", target, ("error", why), ("topic", target.Topic)));

    public static ApiAnswer NoCloudEvent(string appId, PublishTarget target, string why) => ApiAnswer.Error(
        StatusCodes.Status500InternalServerError, "ERR_PUBSUB_CLOUD_EVENTS_SER", "cannot create cloudevent",
        Reason("DAPR_PUBSUB_CLOUD_EVENT_CREATION", target, ("appID", appId), ("error", why)));

    public static ApiAnswer Unreadable(string appId, PublishTarget target, string why) => ApiAnswer.Error(
        StatusCodes.Status400BadRequest, "ERR_PUBSUB_EVENTS_SER",
        $"error when unmarshaling the request for topic {target.Topic} pubsub {target.PubSub}: {why}",
        Reason("DAPR_PUBSUB_UNMARSHAL_EVENTS", target, ("appID", appId)));

    public static ApiAnswer BadEntryId(string appId, PublishTarget target) => ApiAnswer.Error(
        StatusCodes.Status400BadRequest, "ERR_PUBSUB_EVENTS_SER",
        $"error marshaling events to bytes for topic {target.Topic} pubsub {target.PubSub}. error: entryId is duplicated or not present for entry",
        Reason("DAPR_PUBSUB_MARSHAL_EVENTS", target, ("appID", appId), ("error", "entryId is duplicated or not present for entry")));

    public static ApiAnswer NoEnvelope(string appId, PublishTarget target, string why) => ApiAnswer.Error(
        StatusCodes.Status400BadRequest, "ERR_PUBSUB_EVENTS_SER",
        $"error when marshalling cloud event envelope for topic {target.Topic} pubsub {target.PubSub}: {why}",
        Reason("DAPR_PUBSUB_MARSHAL_ENVELOPE", target, ("appID", appId), ("error", why)));

    public static ApiAnswer SomeFailed(PublishTarget target, IReadOnlyList<BulkEntry> entries, string?[] errors)
    {
        var failed = new List<object?>();
        for (var index = 0; index < errors.Length; index++)
        {
            if (errors[index] is { } error)
            {
                failed.Add(ApiAnswer.Fields(("entryId", entries[index].EntryId), ("error", error)));
            }
        }

        var body = GoJson.Write(ApiAnswer.Fields(("failedEntries", failed), ("errorCode", PublishCode)));
        var first = errors.First(error => error is not null)!;
        return new ApiAnswer(StatusCodes.Status500InternalServerError, body)
        {
            Headers =
            [
                ("Metadata.error", "api error: code = Internal desc = " + FailedText(target, first)),
                ("Metadata.responsedata", System.Text.Encoding.UTF8.GetString(body)),
            ],
        };
    }

    private static string FailedText(PublishTarget target, string why) =>
        $"error when publishing to topic {target.Topic} in pubsub {target.PubSub}: {why}";

    private static ErrorReason Reason(string reason, PublishTarget target, params ReadOnlySpan<(string, object?)> metadata) =>
        new(reason, ApiAnswer.Fields(metadata), "pubsub", target.PubSub);
}
