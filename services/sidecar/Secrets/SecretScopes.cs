using Beamline.Sidecar.Components;
using YamlDotNet.RepresentationModel;

namespace Beamline.Sidecar.Secrets;

/// <summary><c>secrets.scopes</c> of a Configuration document: which secrets an app may read. A store that is not named is open.</summary>
internal sealed class SecretScopes
{
    private readonly Dictionary<string, (bool Deny, HashSet<string> Allowed, HashSet<string> Denied)> _stores = new(StringComparer.Ordinal);

    public void Add(YamlMappingNode scope) => _stores[scope.Text("storeName") ?? ""] =
        (scope.Text("defaultAccess") == "deny", Names(scope, "allowedSecrets"), Names(scope, "deniedSecrets"));

    public bool Allow(string store, string secret)
    {
        if (!_stores.TryGetValue(store, out var scope))
        {
            return true;
        }

        // A list of allowed ones is the whole answer; else the denied ones, else the default.
        return scope.Allowed.Count > 0 ? scope.Allowed.Contains(secret) : !scope.Denied.Contains(secret) && !scope.Deny;
    }

    private static HashSet<string> Names(YamlMappingNode scope, string member) =>
        [.. scope.List(member).OfType<YamlScalarNode>().Select(name => name.Value ?? "")];
}
