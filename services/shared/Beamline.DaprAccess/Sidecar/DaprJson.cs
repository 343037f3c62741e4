using System.Text.Json.Serialization;

namespace Beamline.DaprAccess;

internal sealed record DaprErrorWire(string? ErrorCode, string? Message);

internal sealed record BulkPublishAnswerWire(IReadOnlyList<BulkPublishResponseFailedEntry>? FailedEntries, string? ErrorCode);

internal sealed record SubscriptionWire(string Pubsubname, string Topic, string Route, IReadOnlyDictionary<string, string>? Metadata);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(DaprErrorWire))]
[JsonSerializable(typeof(BulkPublishAnswerWire))]
[JsonSerializable(typeof(DaprMetadata))]
[JsonSerializable(typeof(Dictionary<string, string>))]
[JsonSerializable(typeof(Dictionary<string, Dictionary<string, string>>))]
[JsonSerializable(typeof(IReadOnlyList<SubscriptionWire>))]
internal sealed partial class DaprJson : JsonSerializerContext;
