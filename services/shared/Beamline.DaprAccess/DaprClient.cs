// Stands in for the package Dapr.Client, which the project's feed does not hold: names and meanings follow
// Dapr.Client.DaprClient, narrowed to what Beamline uses, so that the package can take its place. It adds exact bytes
// (publishing and state never parse a value) and failures that say at which stage they happened.
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Beamline.DaprAccess;

/// <summary>
/// The own sidecar's building blocks. Thread safe, one for a process. Every method throws <see cref="DaprException"/> when the
/// sidecar does not answer, or answers with an error. Nothing is retried here: Dapr's resiliency policies own that hop.
/// </summary>
public sealed class DaprClient : IDisposable
{
    private readonly SidecarConnection _sidecar;
    private readonly PublishCalls _publish;
    private readonly StateCalls _state;
    private readonly InvocationCalls _invocation;
    private readonly SecretCalls _secrets;
    private readonly SidecarCalls _self;

    internal DaprClient(SidecarConnection sidecar)
    {
        _sidecar = sidecar;
        _publish = new PublishCalls(sidecar);
        _state = new StateCalls(sidecar);
        _invocation = new InvocationCalls(sidecar);
        _secrets = new SecretCalls(sidecar);
        _self = new SidecarCalls(sidecar);
    }

    /// <summary>Publishes one message. Raw puts the bytes on the wire as they are; otherwise Dapr wraps them in a CloudEvent.</summary>
    /// <exception cref="DaprException">Not taken. With the broker away the outcome is unknown: it may be sent later all the same.</exception>
    public Task PublishEventAsync(
        string pubsubName, string topicName, ReadOnlyMemory<byte> data, string contentType = "application/json", bool raw = true, CancellationToken ct = default) =>
        _publish.PublishAsync(pubsubName, topicName, data, contentType, raw, ct);

    /// <summary>
    /// Publishes many messages in one call; their order is not kept. Raw bytes stay exact. The caller cuts batches
    /// (2 MiB is the house's rule); above 4 MiB in one request it throws <see cref="ArgumentException"/>.
    /// </summary>
    /// <returns>The entries that failed, when only some did; a failure of the whole call throws.</returns>
    public Task<BulkPublishResponse> BulkPublishEventAsync(
        string pubsubName, string topicName, IReadOnlyList<BulkPublishEntry> entries, bool raw = true, CancellationToken ct = default) =>
        _publish.BulkPublishAsync(pubsubName, topicName, entries, raw, ct);

    /// <returns>Null when the key is not there or has expired.</returns>
    public Task<StateEntry?> GetStateAsync(string storeName, string key, CancellationToken ct = default) =>
        _state.GetAsync(storeName, key, ct);

    /// <returns>An item for each key, in the store's order; a missing key has no value.</returns>
    public Task<IReadOnlyList<BulkStateItem>> GetBulkStateAsync(string storeName, IReadOnlyList<string> keys, CancellationToken ct = default) =>
        _state.GetBulkAsync(storeName, keys, ct);

    public Task SaveStateAsync(string storeName, SaveStateItem item, CancellationToken ct = default) =>
        _state.SaveAsync(storeName, [item], ct);

    /// <summary>Saves each item for itself: after an error some may have been stored. All or nothing is <see cref="ExecuteStateTransactionAsync"/>.</summary>
    public Task SaveBulkStateAsync(string storeName, IReadOnlyList<SaveStateItem> items, CancellationToken ct = default) =>
        _state.SaveAsync(storeName, items, ct);

    /// <summary>
    /// Saves if the item still has the given etag, or, without one, if the key does not exist. After any refusal it reads back and
    /// compares, so the value must tell writers apart (carry an id): finding one's own value counts as saved.
    /// </summary>
    /// <returns>False when someone else was first.</returns>
    public Task<bool> TrySaveStateAsync(string storeName, SaveStateItem item, CancellationToken ct = default) =>
        _state.TrySaveAsync(storeName, item, ct);

    public Task DeleteStateAsync(string storeName, string key, CancellationToken ct = default) =>
        _state.DeleteAsync(storeName, key, ct);

    /// <returns>False when the item is gone or has another etag.</returns>
    public Task<bool> TryDeleteStateAsync(string storeName, string key, string etag, CancellationToken ct = default) =>
        _state.TryDeleteAsync(storeName, key, etag, ct);

    /// <summary>All or nothing, on stores that can (Redis cannot: it ignores first-write here and does not roll back).</summary>
    public Task ExecuteStateTransactionAsync(string storeName, IReadOnlyList<StateTransactionRequest> operations, CancellationToken ct = default) =>
        _state.TransactionAsync(storeName, operations, ct);

    /// <summary>Posts JSON to a method of another app and reads the JSON of its 2xx answer. Only <paramref name="ct"/> limits its time.</summary>
    /// <exception cref="DaprInvocationException">No such answer; it says at which stage.</exception>
    public Task<TResponse> InvokeMethodAsync<TRequest, TResponse>(
        string appId, string methodName, TRequest request, JsonTypeInfo<TRequest> requestType, JsonTypeInfo<TResponse> responseType, CancellationToken ct = default) =>
        _invocation.InvokeAsync(appId, methodName, JsonSerializer.SerializeToUtf8Bytes(request, requestType), responseType, ct);

    /// <summary>
    /// As <see cref="InvokeMethodAsync"/>, returning with the headers of a 2xx answer while its body still arrives (NDJSON: read it with
    /// <c>JsonSerializer.DeserializeAsyncEnumerable(stream, type, topLevelValues: true)</c>). The caller disposes it, which ends the call.
    /// </summary>
    /// <exception cref="DaprInvocationException">No 2xx answer.</exception>
    public Task<HttpResponseMessage> InvokeMethodStreamAsync<TRequest>(
        string appId, string methodName, TRequest request, JsonTypeInfo<TRequest> requestType, CancellationToken ct = default) =>
        _invocation.SendAsync(appId, methodName, JsonSerializer.SerializeToUtf8Bytes(request, requestType), HttpCompletionOption.ResponseHeadersRead, ct);

    /// <returns>The secret's parts by name; most stores have one, under the key's own name.</returns>
    public Task<IReadOnlyDictionary<string, string>> GetSecretAsync(string storeName, string key, CancellationToken ct = default) =>
        _secrets.GetAsync(storeName, key, ct);

    public Task<IReadOnlyDictionary<string, IReadOnlyDictionary<string, string>>> GetBulkSecretAsync(string storeName, CancellationToken ct = default) =>
        _secrets.GetBulkAsync(storeName, ct);

    /// <summary>True when sidecar and app are up. It says nothing about the broker or the stores.</summary>
    public Task<bool> CheckHealthAsync(CancellationToken ct = default) => _self.IsHealthyAsync(DaprRoutes.Health, ct);

    /// <summary>True when the sidecar takes calls, be the own app up or not.</summary>
    public Task<bool> CheckOutboundHealthAsync(CancellationToken ct = default) => _self.IsHealthyAsync(DaprRoutes.OutboundHealth, ct);

    /// <summary>Returns when the sidecar takes calls.</summary>
    /// <exception cref="DaprException">It did not within <paramref name="timeout"/>.</exception>
    public Task WaitForSidecarAsync(TimeSpan timeout, CancellationToken ct = default) => _self.WaitAsync(timeout, ct);

    public Task<DaprMetadata> GetMetadataAsync(CancellationToken ct = default) => _self.MetadataAsync(ct);

    /// <summary>Asks the own sidecar to end. The way out when it lost its broker for good, which no probe of the app can see.</summary>
    public Task ShutdownSidecarAsync(CancellationToken ct = default) => _self.ShutdownAsync(ct);

    public void Dispose() => _sidecar.Dispose();
}
