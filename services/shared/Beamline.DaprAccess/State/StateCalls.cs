using System.Net;
using System.Text.Json;

namespace Beamline.DaprAccess;

internal sealed class StateCalls(SidecarConnection sidecar)
{
    public async Task<StateEntry?> GetAsync(string store, string key, CancellationToken ct)
    {
        var answer = await sidecar.CallAsync(
            new SidecarRequest($"get {key} from {store}", HttpMethod.Get, DaprRoutes.State(store, key)), ct).ConfigureAwait(false);
        answer.EnsureSuccess();
        return answer.Status == HttpStatusCode.NoContent ? null : new StateEntry(answer.Body, answer.Header("Etag"));
    }

    public async Task<IReadOnlyList<BulkStateItem>> GetBulkAsync(string store, IReadOnlyList<string> keys, CancellationToken ct)
    {
        if (keys.Count == 0)
        {
            return [];
        }

        var answer = await sidecar.CallAsync(
            new SidecarRequest($"get {keys.Count} keys from {store}", HttpMethod.Post, DaprRoutes.BulkState(store)) { Body = StateWire.Keys(keys) },
            ct).ConfigureAwait(false);
        answer.EnsureSuccess();
        try
        {
            return StateWire.ReadBulk(answer.Body);
        }
        catch (Exception unreadable) when (unreadable is JsonException or InvalidOperationException)
        {
            throw new DaprException($"{answer.What}: the answer cannot be read ({unreadable.Message})", answer.Status, innerException: unreadable);
        }
    }

    public async Task SaveAsync(string store, IReadOnlyList<SaveStateItem> items, CancellationToken ct)
    {
        if (items.Count > 0)
        {
            (await PostAsync(store, items, ct).ConfigureAwait(false)).EnsureSuccess();
        }
    }

    public async Task<bool> TrySaveAsync(string store, SaveStateItem item, CancellationToken ct)
    {
        var answer = await PostAsync(store, [item with { Concurrency = ConcurrencyMode.FirstWrite }], ct).ConfigureAwait(false);
        if (answer.IsSuccess)
        {
            return true;
        }

        // Some stores answer a lost race with 409, some with 500, and a retry below us may have met our own first write:
        // only what is stored now tells. 400 and 404 say that the request itself was wrong; nothing can have been written.
        if (answer.Status is HttpStatusCode.BadRequest or HttpStatusCode.NotFound or HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden)
        {
            throw answer.Failure();
        }

        var stored = await GetAsync(store, item.Key, ct).ConfigureAwait(false);
        if (stored is not null && SameJson(stored.Value, item.Value))
        {
            return true;
        }

        var unchanged = stored?.ETag == item.ETag;
        return answer.Status != HttpStatusCode.Conflict && unchanged ? throw answer.Failure() : false;
    }

    public async Task DeleteAsync(string store, string key, CancellationToken ct) =>
        (await DeleteAsync(store, key, null, ct).ConfigureAwait(false)).EnsureSuccess();

    public async Task<bool> TryDeleteAsync(string store, string key, string etag, CancellationToken ct)
    {
        var answer = await DeleteAsync(store, key, etag, ct).ConfigureAwait(false);
        if (answer.IsSuccess)
        {
            return true;
        }

        var failure = answer.Failure();
        return failure.IsETagMismatch ? false : throw failure;
    }

    public async Task TransactionAsync(string store, IReadOnlyList<StateTransactionRequest> operations, CancellationToken ct)
    {
        if (operations.Count == 0)
        {
            return;
        }

        var answer = await sidecar.CallAsync(
            new SidecarRequest($"transaction of {operations.Count} on {store}", HttpMethod.Post, DaprRoutes.StateTransaction(store)) { Body = StateWire.Transaction(operations) },
            ct).ConfigureAwait(false);
        answer.EnsureSuccess();
    }

    private Task<SidecarAnswer> PostAsync(string store, IReadOnlyList<SaveStateItem> items, CancellationToken ct) => sidecar.CallAsync(
        new SidecarRequest($"save {items.Count} items to {store}", HttpMethod.Post, DaprRoutes.State(store)) { Body = StateWire.Save(items) }, ct);

    private Task<SidecarAnswer> DeleteAsync(string store, string key, string? etag, CancellationToken ct) => sidecar.CallAsync(
        new SidecarRequest($"delete {key} from {store}", HttpMethod.Delete, DaprRoutes.State(store, key)) { IfMatch = etag }, ct);

    // By meaning, not by bytes: PostgreSQL's jsonb gives keys back in another order.
    private static bool SameJson(ReadOnlyMemory<byte> left, ReadOnlyMemory<byte> right)
    {
        if (left.Span.SequenceEqual(right.Span))
        {
            return true;
        }

        using var leftJson = JsonDocument.Parse(left);
        using var rightJson = JsonDocument.Parse(right);
        return JsonElement.DeepEquals(leftJson.RootElement, rightJson.RootElement);
    }
}
