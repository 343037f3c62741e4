using System.Globalization;
using System.Text.Json;
using Beamline.Sidecar.Http;
using Beamline.Sidecar.Resiliency;
using Microsoft.AspNetCore.Http;
using Microsoft.Data.Sqlite;
using Polly.Timeout;

namespace Beamline.Sidecar.State;

/// <summary>The state API of one app over the stores that it sees.</summary>
internal sealed class StateEndpoint(
    string appId, IReadOnlyDictionary<string, IStateStore> stores, FaultSwitch faults, PolicyRunner policies, SidecarOptions options)
{
    private static readonly Dictionary<string, string> NoMetadata = [];
    private const string Away = "the store is away";

    public async Task<ApiAnswer> HandleAsync(HttpContext context, ApiPath path)
    {
        var (method, name) = (context.Request.Method, path[2]);
        var write = HttpMethods.IsPost(method) || HttpMethods.IsPut(method);
        Func<IStateStore, Task<ApiAnswer>>? action = (path.Count, path[3]) switch
        {
            (3, _) when write => store => SaveAsync(context, store, path.Metadata()),
            (4, "bulk") when write => store => GetBulkAsync(context, store),
            (4, "transaction") when write => store => TransactAsync(context, store),
            (4, var key) when HttpMethods.IsGet(method) => store => GetAsync(context, store, key),
            (4, var key) when HttpMethods.IsDelete(method) => store => DeleteAsync(context, store, key),
            _ => null,
        };
        return action is null ? ApiAnswer.UnknownPath
            : Find(name, out var found) is { } refusal ? refusal
            : await GuardAsync(() => action(found!)).ConfigureAwait(false);
    }

    public ApiAnswer Query(string name) => Find(name, out _) ?? ApiAnswer.Error(
        StatusCodes.Status500InternalServerError, "ERR_STATE_STORE_NOT_SUPPORTED", "state store does not support querying",
        new ErrorReason("DAPR_STATE_QUERYING_NOT_SUPPORTED", null, "state", name, DescribesResource: false));

    private static async Task<ApiAnswer> GuardAsync(Func<Task<ApiAnswer>> action)
    {
        try
        {
            return await action().ConfigureAwait(false);
        }
        catch (MalformedRequestException failure)
        {
            return Malformed(failure.Message);
        }
    }

    private static ApiAnswer Malformed(string message) => ApiAnswer.Error(StatusCodes.Status400BadRequest, "ERR_MALFORMED_REQUEST", message);

    private static ApiAnswer IllegalKey(IStateStore store, IllegalKeyException failure) => ApiAnswer.Error(
        StatusCodes.Status400BadRequest, "ERR_MALFORMED_REQUEST", failure.Message,
        new ErrorReason("DAPR_STATE_ILLEGAL_KEY", null, "state", store.Component.Name, DescribesResource: false) { Field = failure.Key });

    private async Task<ApiAnswer> GetAsync(HttpContext context, IStateStore store, string key)
    {
        try
        {
            var items = await RunAsync(store, token => store.GetAsync([Prefix(store, key)], token).AsTask(), context.RequestAborted).ConfigureAwait(false);
            if (items[0] is not { } item)
            {
                return ApiAnswer.NoContent;
            }

            List<(string, string)> headers = [("Etag", item.Etag)];
            if (item.Expires is { } expires)
            {
                headers.Add(("Metadata.ttlexpiretime", Rfc3339(expires)));
            }

            return new ApiAnswer(StatusCodes.Status200OK, item.Value) { Headers = headers };
        }
        catch (IllegalKeyException failure)
        {
            return IllegalKey(store, failure);
        }
        catch (Exception failure) when (IsStoreFailure(failure))
        {
            return ApiAnswer.Error(
                StatusCodes.Status500InternalServerError, "ERR_STATE_GET", $"fail to get {key} from state store {store.Component.Name}: {failure.Message}");
        }
    }

    private async Task<ApiAnswer> SaveAsync(HttpContext context, IStateStore store, Dictionary<string, string> shared)
    {
        using var document = StateRequest.Parse(await BodyAsync(context).ConfigureAwait(false));
        try
        {
            var writes = StateRequest.Array(document.RootElement, "[]state.SetRequest")
                .Select(item => StateRequest.ReadWrite(item, delete: false, key => Prefix(store, key), shared)).ToList();
            if (writes.Count == 0)
            {
                return ApiAnswer.NoContent;
            }

            var results = await RunAsync(store, token => store.WriteEachAsync(writes, token), context.RequestAborted).ConfigureAwait(false);
            var mismatch = results.FirstOrDefault(result => result is not null);
            if (mismatch is null)
            {
                return ApiAnswer.NoContent;
            }

            // Several items are saved in parallel by Dapr, and the first fault is wrapped once more.
            var message = results.Length == 1 ? mismatch.Message : $"{new EtagMismatchException().Message}: {mismatch.Message}";
            return SaveFailed(StatusCodes.Status409Conflict, store, message);
        }
        catch (IllegalKeyException failure)
        {
            return IllegalKey(store, failure);
        }
        catch (Exception failure) when (failure is FormatException || IsStoreFailure(failure))
        {
            return SaveFailed(StatusCodes.Status500InternalServerError, store, failure.Message);
        }
    }

    private static ApiAnswer SaveFailed(int status, IStateStore store, string why) =>
        ApiAnswer.Error(status, "ERR_STATE_SAVE", $"failed saving state in state store {store.Component.Name}: {why}");

    private async Task<ApiAnswer> DeleteAsync(HttpContext context, IStateStore store, string key)
    {
        var etag = context.Request.Headers.IfMatch.ToString();
        try
        {
            var write = new StateWrite(Prefix(store, key), null, etag.Length == 0 ? null : etag, FirstWrite: false, null);
            var results = await RunAsync(store, token => store.WriteEachAsync([write], token), context.RequestAborted).ConfigureAwait(false);
            return results[0] is { } mismatch ? Failed(StatusCodes.Status409Conflict, mismatch.Message) : ApiAnswer.NoContent;
        }
        catch (IllegalKeyException failure)
        {
            return IllegalKey(store, failure);
        }
        catch (Exception failure) when (IsStoreFailure(failure))
        {
            return Failed(StatusCodes.Status500InternalServerError, failure.Message);
        }

        ApiAnswer Failed(int status, string why) => ApiAnswer.Error(status, "ERR_STATE_DELETE", $"failed deleting state with key {key}: {why}");
    }

    private async Task<ApiAnswer> GetBulkAsync(HttpContext context, IStateStore store)
    {
        using var document = StateRequest.Parse(await BodyAsync(context).ConfigureAwait(false));
        if (document.RootElement.ValueKind != JsonValueKind.Object)
        {
            throw new MalformedRequestException("json: cannot unmarshal into Go value of type http.BulkGetRequest");
        }

        var keys = document.RootElement.TryGetProperty("keys", out var list) && list.ValueKind == JsonValueKind.Array
            ? list.EnumerateArray().Select(key => key.ValueKind == JsonValueKind.String
                ? key.GetString()!
                : throw new MalformedRequestException("json: cannot unmarshal a key into Go value of type string")).ToList()
            : [];
        try
        {
            var prefixed = keys.ConvertAll(key => Prefix(store, key));
            var items = await RunAsync(store, token => store.GetAsync(prefixed, token).AsTask(), context.RequestAborted).ConfigureAwait(false);
            return new ApiAnswer(StatusCodes.Status200OK, WriteBulk(keys, items));
        }
        catch (IllegalKeyException failure)
        {
            return IllegalKey(store, failure);
        }
        catch (Exception failure) when (IsStoreFailure(failure))
        {
            return ApiAnswer.Error(StatusCodes.Status500InternalServerError, "ERR_STATE_BULK_GET", failure.Message);
        }
    }

    private static byte[] WriteBulk(List<string> keys, StateItem?[] items)
    {
        var output = new System.Buffers.ArrayBufferWriter<byte>(256);
        using (var writer = new Utf8JsonWriter(output))
        {
            writer.WriteStartArray();
            for (var index = 0; index < keys.Count; index++)
            {
                writer.WriteStartObject();
                writer.WriteString("key", keys[index]);
                if (items[index] is { } item)
                {
                    writer.WritePropertyName("data");
                    writer.WriteRawValue(item.Value, skipInputValidation: true);
                    writer.WriteString("etag", item.Etag);
                    if (item.Expires is { } expires)
                    {
                        writer.WriteStartObject("metadata");
                        writer.WriteString("ttlExpireTime", Rfc3339(expires));
                        writer.WriteEndObject();
                    }
                }

                writer.WriteEndObject();
            }

            writer.WriteEndArray();
        }

        return [.. output.WrittenSpan, (byte)'\n'];
    }

    private async Task<ApiAnswer> TransactAsync(HttpContext context, IStateStore store)
    {
        try
        {
            using var document = ParseTransaction(await BodyAsync(context).ConfigureAwait(false));
            var writes = new List<StateWrite>();
            var operations = document.RootElement.TryGetProperty("operations", out var list) && list.ValueKind == JsonValueKind.Array ? list : default;
            for (var index = 0; operations.ValueKind == JsonValueKind.Array && index < operations.GetArrayLength(); index++)
            {
                var operation = operations[index];
                var kind = operation.ValueKind == JsonValueKind.Object ? StateRequest.Text(operation, "operation") : null;
                if (kind is not ("upsert" or "delete") || !operation.TryGetProperty("request", out var request))
                {
                    return ApiAnswer.Error(
                        StatusCodes.Status400BadRequest, "ERR_NOT_SUPPORTED_STATE_OPERATION", $"operation type {kind} not supported");
                }

                writes.Add(StateRequest.ReadWrite(request, kind == "delete", key => Prefix(store, key), NoMetadata));
            }

            if (writes.Count > 0)
            {
                await RunAsync(
                    store,
                    async token =>
                    {
                        await store.WriteAllAsync(writes, token).ConfigureAwait(false);
                        return true;
                    },
                    context.RequestAborted).ConfigureAwait(false);
            }

            return ApiAnswer.NoContent;
        }
        catch (IllegalKeyException failure)
        {
            return IllegalKey(store, failure);
        }
        catch (Exception failure) when (failure is EtagMismatchException or FormatException || IsStoreFailure(failure))
        {
            return ApiAnswer.Error(
                StatusCodes.Status500InternalServerError, "ERR_STATE_TRANSACTION", $"error while executing state transaction: {failure.Message}");
        }
    }

    private static JsonDocument ParseTransaction(byte[] body)
    {
        var document = default(JsonDocument);
        try
        {
            document = StateRequest.Parse(body);
        }
        catch (MalformedRequestException failure)
        {
            throw new MalformedRequestException("failed deserializing HTTP body: " + failure.Message);
        }

        return document.RootElement.ValueKind == JsonValueKind.Object
            ? document
            : throw new MalformedRequestException("failed deserializing HTTP body: json: cannot unmarshal into Go value of type state.TransactionalRequest");
    }

    private async Task<byte[]> BodyAsync(HttpContext context) =>
        await RequestBody.ReadAsync(context.Request, options.HttpMaxRequestSize, context.RequestAborted).ConfigureAwait(false)
        ?? throw new MalformedRequestException(RequestBody.TooLarge);

    private string Prefix(IStateStore store, string key)
    {
        if (key.Contains("||", StringComparison.Ordinal))
        {
            throw new IllegalKeyException(key);
        }

        return store.Component.Setting("keyPrefix") switch
        {
            null or "" or "appid" => $"{appId}||{key}",
            "name" => $"{store.Component.Name}||{key}",
            "namespace" => $"default.{appId}||{key}",
            "none" => key,
            var custom => $"{custom}||{key}",
        };
    }

    private ApiAnswer? Find(string name, out IStateStore? store)
    {
        store = null;
        var metadata = ApiAnswer.Fields(("appID", appId));
        if (stores.Count == 0)
        {
            return ApiAnswer.Error(
                StatusCodes.Status500InternalServerError, "ERR_STATE_STORE_NOT_CONFIGURED", $"state store {name} is not configured",
                new ErrorReason("DAPR_STATE_NOT_CONFIGURED", metadata));
        }

        return stores.TryGetValue(name, out store)
            ? null
            : ApiAnswer.Error(
                StatusCodes.Status400BadRequest, "ERR_STATE_STORE_NOT_FOUND", $"state store {name} is not found",
                new ErrorReason("DAPR_STATE_NOT_FOUND", metadata));
    }

    private async Task<T> RunAsync<T>(IStateStore store, Func<CancellationToken, Task<T>> action, CancellationToken cancellation)
    {
        var name = store.Component.Name;
        var attempt = await policies.RunAsync(
            policies.ForComponent(appId, name, "outbound"), ("outbound", appId, name, ""),
            static async (bound, token) =>
            {
                if (!await bound.Faults.PassAsync(bound.Time, token).ConfigureAwait(false))
                {
                    throw new IOException(Away);
                }

                return new Attempt(await bound.Action(token).ConfigureAwait(false), Failed: false, Retryable: false);
            },
            (Faults: faults, options.Time, Action: action), cancellation).ConfigureAwait(false);
        return (T)attempt.Result!;
    }

    private static bool IsStoreFailure(Exception failure) =>
        failure is SqliteException or IOException or BreakerOpenException or TimeoutRejectedException or StateStoreFullException or ObjectDisposedException;

    private static string Rfc3339(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
}
