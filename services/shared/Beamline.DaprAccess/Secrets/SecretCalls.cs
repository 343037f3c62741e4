namespace Beamline.DaprAccess;

internal sealed class SecretCalls(SidecarConnection sidecar)
{
    public async Task<IReadOnlyDictionary<string, string>> GetAsync(string store, string key, CancellationToken ct)
    {
        var answer = await sidecar.CallAsync(
            new SidecarRequest($"get secret {key} from {store}", HttpMethod.Get, DaprRoutes.Secret(store, key)), ct).ConfigureAwait(false);
        answer.EnsureSuccess();
        return answer.ReadJson(DaprJson.Default.DictionaryStringString);
    }

    public async Task<IReadOnlyDictionary<string, IReadOnlyDictionary<string, string>>> GetBulkAsync(string store, CancellationToken ct)
    {
        var answer = await sidecar.CallAsync(
            new SidecarRequest($"get all secrets from {store}", HttpMethod.Get, DaprRoutes.BulkSecret(store)), ct).ConfigureAwait(false);
        answer.EnsureSuccess();
        return answer.ReadJson(DaprJson.Default.DictionaryStringDictionaryStringString)
            .ToDictionary(secret => secret.Key, secret => (IReadOnlyDictionary<string, string>)secret.Value, StringComparer.Ordinal);
    }
}
