using Beamline.Sidecar.Components;
using YamlDotNet.RepresentationModel;

namespace Beamline.Sidecar.Resiliency;

internal sealed record RetrySettings(bool Exponential, TimeSpan Duration, TimeSpan MaxInterval, int MaxRetries, StatusRanges? Matching);

internal sealed record BreakerSettings(int MaxRequests, TimeSpan Interval, TimeSpan Timeout, int ConsecutiveFailures);

/// <summary>What applies to a target; null parts do not.</summary>
internal sealed record TargetPolicy(TimeSpan? Timeout, RetrySettings? Retry, BreakerSettings? Breaker)
{
    public static readonly TargetPolicy None = new(null, null, null);

    public bool IsNone => Timeout is null && Retry is null && Breaker is null;
}

/// <summary>The Resiliency documents of a components folder, by target.</summary>
internal sealed class ResiliencyPolicies
{
    private readonly Dictionary<string, TargetPolicy> _targets = new(StringComparer.Ordinal);
    private readonly Dictionary<string, IReadOnlyList<string>> _scopes = new(StringComparer.Ordinal);

    public static ResiliencyPolicies Read(ComponentFolder folder, List<string> faults)
    {
        var policies = new ResiliencyPolicies();
        foreach (var (root, file) in folder.Resiliency)
        {
            new Reader(policies, faults, Path.GetFileName(file)).Read(root);
        }

        return policies;
    }

    public TargetPolicy ForApp(string caller, string appId) => Find(caller, "app/" + appId);

    public TargetPolicy ForComponent(string caller, string name, string direction) => Find(caller, $"{direction}/{name}");

    private TargetPolicy Find(string caller, string target) =>
        _targets.TryGetValue(target, out var policy) && (_scopes[target].Count == 0 || _scopes[target].Contains(caller)) ? policy : TargetPolicy.None;

    private sealed class Reader(ResiliencyPolicies policies, List<string> faults, string file)
    {
        private readonly Dictionary<string, TimeSpan> _timeouts = [];
        private readonly Dictionary<string, RetrySettings> _retries = [];
        private readonly Dictionary<string, BreakerSettings> _breakers = [];
        private List<string> _appliesTo = [];

        public void Read(YamlMappingNode root)
        {
            var spec = root.Map("spec");
            _appliesTo = [.. root.List("scopes").OfType<YamlScalarNode>().Select(scope => scope.Value ?? "")];
            ReadDefinitions(spec?.Map("policies"));
            var targets = spec?.Map("targets");
            foreach (var (name, map) in targets?.Map("apps").Maps() ?? [])
            {
                Add("app/" + name, map);
            }

            foreach (var (name, map) in targets?.Map("components").Maps() ?? [])
            {
                foreach (var (direction, inner) in map.Maps())
                {
                    if (direction != "outbound")
                    {
                        faults.Add($"{file}: the '{direction}' policy of component '{name}' is not supported by the embedded sidecar (ackWait repeats deliveries).");
                        continue;
                    }

                    Add($"{direction}/{name}", inner);
                }

                if (!map.Maps().Any())
                {
                    Add("outbound/" + name, map);
                }
            }

            if (targets?.Member("actors") is not null)
            {
                faults.Add($"{file}: resiliency targets of actors are not supported by the embedded sidecar.");
            }
        }

        private void ReadDefinitions(YamlMappingNode? definitions)
        {
            foreach (var (key, value) in definitions?.Map("timeouts")?.Children.ToArray() ?? [])
            {
                _timeouts[((YamlScalarNode)key).Value ?? ""] = Duration((value as YamlScalarNode)?.Value, "timeout", TimeSpan.Zero);
            }

            foreach (var (name, map) in definitions?.Map("retries").Maps() ?? [])
            {
                _retries[name] = ReadRetry(name, map);
            }

            foreach (var (name, map) in definitions?.Map("circuitBreakers").Maps() ?? [])
            {
                _breakers[name] = ReadBreaker(name, map);
            }
        }

        private RetrySettings ReadRetry(string name, YamlMappingNode map)
        {
            var kind = map.Text("policy") ?? "constant";
            if (kind is not ("constant" or "exponential"))
            {
                faults.Add($"{file}: retry '{name}' has policy '{kind}': it must be constant or exponential.");
            }

            var codes = map.Map("matching")?.Text("httpStatusCodes");
            StatusRanges? matching = null;
            if (codes is not null && !StatusRanges.TryParse(codes, out matching))
            {
                faults.Add($"{file}: retry '{name}' has httpStatusCodes '{codes}': expected a list such as 429,500-599.");
            }

            return new RetrySettings(
                kind == "exponential",
                Duration(map.Text("duration"), $"retry '{name}'", TimeSpan.FromSeconds(5)),
                Duration(map.Text("maxInterval"), $"retry '{name}'", TimeSpan.FromMinutes(1)),
                Number(map.Text("maxRetries"), $"maxRetries of retry '{name}'", -1),
                matching);
        }

        private BreakerSettings ReadBreaker(string name, YamlMappingNode map)
        {
            var trip = (map.Text("trip") ?? "consecutiveFailures > 5").Split(' ', StringSplitOptions.RemoveEmptyEntries);
            var failures = 0;
            if (trip is not ["consecutiveFailures", ">" or ">=", var limit] || !int.TryParse(limit, out failures))
            {
                faults.Add($"{file}: breaker '{name}' has trip '{map.Text("trip")}': the embedded sidecar knows only 'consecutiveFailures >= n' and '> n'.");
            }
            else if (trip[1] == ">")
            {
                failures++;
            }

            return new BreakerSettings(
                Math.Max(1, Number(map.Text("maxRequests"), $"maxRequests of breaker '{name}'", 1)),
                Duration(map.Text("interval"), $"breaker '{name}'", TimeSpan.Zero),
                Duration(map.Text("timeout"), $"breaker '{name}'", TimeSpan.FromSeconds(60)),
                failures);
        }

        private void Add(string target, YamlMappingNode map)
        {
            var timeout = Lookup(map.Text("timeout"), _timeouts, "timeout", target, out var duration) ? duration : (TimeSpan?)null;
            Lookup(map.Text("retry"), _retries, "retry", target, out var retry);
            Lookup(map.Text("circuitBreaker"), _breakers, "circuit breaker", target, out var breaker);
            policies._targets[target] = new TargetPolicy(timeout, retry, breaker);
            policies._scopes[target] = _appliesTo;
        }

        private bool Lookup<T>(string? name, Dictionary<string, T> defined, string what, string target, out T? found)
        {
            found = default;
            if (name is null || defined.TryGetValue(name, out found))
            {
                return name is not null;
            }

            faults.Add($"{file}: target {target} names the {what} '{name}', which is not defined there.");
            return false;
        }

        private TimeSpan Duration(string? text, string owner, TimeSpan missing)
        {
            if (text is null)
            {
                return missing;
            }

            if (!GoDuration.TryParse(text, out var duration))
            {
                faults.Add($"{file}: {owner} has the duration '{text}': expected one such as 200ms or 1m30s.");
            }

            return duration;
        }

        private int Number(string? text, string owner, int missing)
        {
            if (text is null)
            {
                return missing;
            }

            if (!int.TryParse(text, out var number))
            {
                faults.Add($"{file}: {owner} is '{text}': expected a number.");
            }

            return number;
        }
    }
}
