using Beamline.Contracts;
using Beamline.Contracts.Json;
using Beamline.DaprAccess;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Beamline.Scheduler.Identity;

/// <summary>
/// Asks the state store which steps it remembers. Concurrent questions share a call: while one is out, the next ones gather,
/// so a slow store sees few large calls. <see cref="LookupAsync"/> is an <see cref="IdentityLookup"/>.
/// </summary>
internal sealed class IdentityKeys(DaprClient dapr, IOptions<IdentityOptions> options, TimeProvider time, ILogger<IdentityKeys> logger)
{
    private readonly IdentityOptions _options = options.Value;
    private readonly Lock _lock = new(); // guards _next and _busy
    private BulkGet? _next;
    private bool _busy;
    private int _away; // 1 while the last call failed

    public async ValueTask<IReadOnlyList<IdentityAnswer>> LookupAsync(IReadOnlyList<IdentityQuery> queries, CancellationToken cancellation)
    {
        if (queries.Count == 0)
        {
            return [];
        }

        using var limit = new CancellationTokenSource(_options.LookupTimeout, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellation);
        try
        {
            var found = await GetAsync(queries.SelectMany(query => new[] { query.IdentityKey, query.AssignmentKey }), both.Token).ConfigureAwait(false);
            return await AnswerAsync(queries, found, both.Token).ConfigureAwait(false);
        }
        catch (DaprException failure)
        {
            return Away(queries.Count, failure.Message);
        }
        catch (OperationCanceledException) when (limit.IsCancellationRequested && !cancellation.IsCancellationRequested)
        {
            return Away(queries.Count, "no answer in time");
        }
    }

    private async Task<IReadOnlyList<IdentityAnswer>> AnswerAsync(
        IReadOnlyList<IdentityQuery> queries, IReadOnlyDictionary<string, ReadOnlyMemory<byte>> found, CancellationToken ct)
    {
        var stored = new StoredKey?[queries.Count];
        for (var i = 0; i < stored.Length; i++)
        {
            stored[i] = Choose(Read(found, queries[i].IdentityKey), Read(found, queries[i].AssignmentKey));
        }

        var resultKeys = stored.Select(key => key?.ResultKey).OfType<string>().ToHashSet(StringComparer.Ordinal);
        var results = resultKeys.Count == 0 ? found : await GetAsync(resultKeys, ct).ConfigureAwait(false);
        if (Interlocked.Exchange(ref _away, 0) == 1)
        {
            logger.StateStoreRecovered();
        }

        return Array.ConvertAll(stored, key => key?.ToAnswer(ResultOf(key, results)) ?? IdentityAnswer.Unknown);
    }

    /// <summary>Where the step and the id were used with different bodies, no body can suit both: a hash that equals none says so.</summary>
    private static StoredKey? Choose(StoredKey? byIdentity, StoredKey? byAssignment) => (byIdentity, byAssignment) switch
    {
        ({ } step, { } id) when step.BodyHash != id.BodyHash => step with { BodyHash = "" },
        _ => byIdentity ?? byAssignment,
    };

    private StoredKey? Read(IReadOnlyDictionary<string, ReadOnlyMemory<byte>> found, string key)
    {
        if (!found.TryGetValue(key, out var value))
        {
            return null;
        }

        if (StoredKey.Read(value) is not { } stored)
        {
            logger.KeyUnreadable(key);
            return null;
        }

        return stored;
    }

    private static RawJson? ResultOf(StoredKey key, IReadOnlyDictionary<string, ReadOnlyMemory<byte>> results) =>
        key.Result is { } inline ? RawJson.FromString(inline)
        : key.ResultKey is { } elsewhere && results.TryGetValue(elsewhere, out var value) ? StoredKey.ReadResult(value)
        : null;

    private IdentityAnswer[] Away(int count, string reason)
    {
        var ledgerOnly = _options.WhenStateAway == IdentityOptions.LedgerOnly;
        if (Interlocked.Exchange(ref _away, 1) == 0)
        {
            logger.StateStoreAway(reason, ledgerOnly ? "the ledger alone decides" : "admission refuses");
        }

        var answers = new IdentityAnswer[count];
        Array.Fill(answers, ledgerOnly ? IdentityAnswer.Unknown : IdentityAnswer.Unavailable);
        return answers;
    }

    /// <summary>Joins the next bulk get; starts it when none is out.</summary>
    private Task<IReadOnlyDictionary<string, ReadOnlyMemory<byte>>> GetAsync(IEnumerable<string> keys, CancellationToken ct)
    {
        BulkGet joined;
        var start = false;
        lock (_lock)
        {
            _next ??= new BulkGet();
            if (_next.Keys.Count >= _options.LookupKeys)
            {
                throw new DaprException($"{_next.Keys.Count} keys wait already for {Components.State}");
            }

            _next.Keys.UnionWith(keys);
            joined = _next;
            if (!_busy)
            {
                (_busy, start) = (true, true);
            }
        }

        if (start)
        {
            _ = RunAsync();
        }

        return joined.Found.Task.WaitAsync(ct);
    }

    private async Task RunAsync()
    {
        while (true)
        {
            BulkGet? call;
            lock (_lock)
            {
                (call, _next) = (_next, null);
                if (call is null)
                {
                    _busy = false;
                    return;
                }
            }

            await RunAsync(call).ConfigureAwait(false);
        }
    }

    private async Task RunAsync(BulkGet call)
    {
        using var limit = new CancellationTokenSource(_options.LookupTimeout, time);
        try
        {
            var items = await dapr.GetBulkStateAsync(Components.State, [.. call.Keys], limit.Token).ConfigureAwait(false);
            if (items.FirstOrDefault(item => item.Error is not null) is { } broken)
            {
                throw new DaprException($"{Components.State} could not read {broken.Key}: {broken.Error}");
            }

            call.Found.TrySetResult(items.Where(item => item.Value is { Length: > 0 }).ToDictionary(item => item.Key, item => item.Value!.Value, StringComparer.Ordinal));
        }
#pragma warning disable CA1031 // Whatever went wrong belongs to those who asked; the next call must still go out.
        catch (Exception failure)
#pragma warning restore CA1031
        {
            call.Found.TrySetException(failure as DaprException ?? new DaprException($"{Components.State} did not answer: {failure.Message}", innerException: failure));
            _ = call.Found.Task.Exception; // all who asked may have given up
        }
    }

    private sealed class BulkGet
    {
        public HashSet<string> Keys { get; } = new(StringComparer.Ordinal);

        public TaskCompletionSource<IReadOnlyDictionary<string, ReadOnlyMemory<byte>>> Found { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
