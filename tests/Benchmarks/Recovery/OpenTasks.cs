using System.Text;
using System.Text.Json.Nodes;
using Beamline.Benchmarks.Load;

namespace Beamline.Benchmarks.Recovery;

/// <summary>
/// Open tasks of every kind, spread over ten tenants: 2 % that run, 15 % that wait for their time, 10 % for a person, 15 % that are
/// another id of a step that is open, and the rest queued.
/// </summary>
internal sealed class OpenTasks(HttpClient http, Uri server, int count)
{
    private const int Tenants = 10;
    private const int BatchSize = 500;
    private const int Batches = 4;
    private const int Deciders = 16;
    private const long FarAway = 4_102_444_800_000;

    private readonly int _running = Math.Max(1, count / 50);
    private readonly int _parked = count * 15 / 100;
    private readonly int _asking = count / 10;
    private readonly int _aliases = count * 15 / 100;

    public int Running => _running;

    public IReadOnlyList<string> RunningIds => Ids("running", _running);

    public IReadOnlyList<string> Parked => Ids("parked", _parked);

    public IReadOnlyList<string> Asking => Ids("asking", _asking);

    public IReadOnlyList<string> Queued => Ids("queued", count - _running - _parked - _asking - _aliases);

    public IReadOnlyList<string> Aliases => Ids("alias", _aliases);

    public IReadOnlyList<string> All => [.. RunningIds, .. Parked, .. Asking, .. Queued, .. Aliases];

    public async Task SubmitAsync(CancellationToken cancellation)
    {
        await SubmitAsync(RunningIds, cancellation);
        await SubmitAsync([.. Queued, .. Parked, .. Asking], cancellation);
        await SubmitAsync(Aliases, cancellation);
    }

    /// <summary>Lets those go that nobody else would: a yes to who asks, a cancellation to who waits for the next century.</summary>
    public async Task LetGoAsync(CancellationToken cancellation)
    {
        var many = new ParallelOptions { MaxDegreeOfParallelism = Deciders, CancellationToken = cancellation };
        await Parallel.ForEachAsync(Asking, many, async (id, ct) =>
        {
            using var content = Json("""{"approved":true,"approver":"ann"}""");
            using var answer = await http.PostAsync(new Uri($"/v1/approvals/{id}?tenant_id={TenantOf(id)}", UriKind.Relative), content, ct);
            answer.EnsureSuccessStatusCode();
        });
        await Parallel.ForEachAsync(Parked, many, async (id, ct) =>
        {
            using var answer = await http.DeleteAsync(new Uri($"/v1/tasks/{id}?tenant_id={TenantOf(id)}", UriKind.Relative), ct);
            answer.EnsureSuccessStatusCode();
        });
    }

    private static string[] Ids(string kind, int count) => [.. Enumerable.Range(0, count).Select(n => $"{kind}-{n}")];

    private static int NumberOf(string id) => int.Parse(id.AsSpan(id.IndexOf('-', StringComparison.Ordinal) + 1), System.Globalization.CultureInfo.InvariantCulture);

    private static string TenantOf(string id) => $"t{NumberOf(id) % Tenants}";

    private static StringContent Json(string text) => new(text, Encoding.UTF8, "application/json");

    private Task SubmitAsync(IReadOnlyList<string> ids, CancellationToken cancellation) => Parallel.ForEachAsync(
        ids.Chunk(BatchSize), new ParallelOptions { MaxDegreeOfParallelism = Batches, CancellationToken = cancellation }, async (batch, ct) =>
        {
            using var content = Json($"[{string.Join(',', batch.Select(Assignment))}]");
            using var answer = await http.PostAsync(new Uri("/v1/tasks:batch", UriKind.Relative), content, ct);
            var text = await answer.Content.ReadAsStringAsync(ct);
            var items = answer.IsSuccessStatusCode ? JsonNode.Parse(text)!["items"]!.AsArray() : [];
            if (items.Count != batch.Length || items.Any(item => item!["status"]!.GetValue<int>() != 202))
            {
                throw new InvalidOperationException($"not all of a batch were accepted: {(int)answer.StatusCode} {text[..Math.Min(text.Length, 500)]}");
            }
        });

    private string Assignment(string id)
    {
        var number = NumberOf(id);
        const string Hash = "\"type\":\"crypto.hash\",\"algorithm\":\"sha256\",\"queue_timeout_ms\":7200000,\"content\":";
        var (more, job) = id[..id.IndexOf('-', StringComparison.Ordinal)] switch
        {
            "running" => ("", $"\"type\":\"http.request\",\"timeout_ms\":7200000,\"url\":\"{server}\""),
            "parked" => ($"\"not_before\":{FarAway},", Hash + $"\"p{number}\""),
            "asking" => ("", "\"type\":\"human.approval\",\"prompt\":\"Go on?\",\"approvers\":[\"ann\"]"),
            _ => ($"\"flow_id\":\"flow\",\"step_id\":\"step-{number}\",", Hash + $"\"{new string('x', 400)}{number}\""),
        };
        return $$$"""{"version":"1","assignment_id":"{{{id}}}","request_id":"r-{{{id}}}","tenant_id":"{{{TenantOf(id)}}}",{{{more}}}"executor":{"provider_id":"bench"},"job":{ {{{job}}} }}""";
    }
}
