using Beamline.Sidecar.Http;
using Microsoft.AspNetCore.Http;

namespace Beamline.Sidecar.Secrets;

internal sealed class SecretsEndpoint(IReadOnlyDictionary<string, SecretStore> stores, SecretScopes scopes)
{
    public ApiAnswer Get(string storeName, string name)
    {
        if (Find(storeName, out var store) is { } refusal)
        {
            return refusal;
        }

        if (!scopes.Allow(storeName, name))
        {
            return ApiAnswer.Error(
                StatusCodes.Status403Forbidden, "ERR_PERMISSION_DENIED", $"access denied by policy to get \"{name}\" from \"{storeName}\"");
        }

        return store!.Get(name) is { } values
            ? ApiAnswer.Json(values.ToDictionary(pair => pair.Key, pair => (object?)pair.Value))
            : ApiAnswer.Error(
                StatusCodes.Status500InternalServerError, "ERR_SECRET_GET",
                $"failed getting secret with key {name} from secret store {storeName}: secret {name} not found");
    }

    public ApiAnswer GetBulk(string storeName) => Find(storeName, out var store) is { } refusal
        ? refusal
        : ApiAnswer.Json(store!.Names.Where(name => scopes.Allow(storeName, name)).ToDictionary(name => name, name => (object?)store.Get(name)));

    private ApiAnswer? Find(string name, out SecretStore? store)
    {
        store = null;
        if (stores.Count == 0)
        {
            return ApiAnswer.Error(
                StatusCodes.Status500InternalServerError, "ERR_SECRET_STORES_NOT_CONFIGURED", "secret store is not configured");
        }

        return stores.TryGetValue(name, out store)
            ? null
            : ApiAnswer.Error(StatusCodes.Status401Unauthorized, "ERR_SECRET_STORE_NOT_FOUND", $"failed finding secret store with key {name}");
    }
}
