using Beamline.Contracts.Assignments;
using Beamline.Contracts.DeadLetters;
using Beamline.Contracts.Errors;
using Beamline.Scheduler.Core;
using Beamline.Scheduler.Lanes;
using Beamline.Scheduler.Ledger;
using Beamline.Scheduler.Reading;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Options;

namespace Beamline.Scheduler.Replaying;

/// <summary>
/// Takes requests to replay dead letters: picks what fits and may run, commits that it waits, and answers. From then on
/// <see cref="ReplayLoop"/> has it, over restarts too.
/// </summary>
internal sealed class ReplayRequests(LedgerStore ledger, ReplayLoop loop, IOptions<ReplayOptions> options, IOptions<DeadLetterOptions> deadLetters, TimeProvider time)
{
    public const int MaxIds = 1_000;
    private const int MaxTextLength = 1_024;
    private const int ListedRefusals = 100;
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(1);
    private readonly ReplayOptions _options = options.Value;

    /// <summary>Null when the ledger takes no writes now.</summary>
    public async Task<ReplayDeadLettersResponse?> ReplayAsync(ReplayDeadLettersRequest request, CancellationToken ct)
    {
        if (FaultOf(request) is { } fault)
        {
            return new ReplayDeadLettersResponse { Error = fault };
        }

        var choice = new Choice(request.Max ?? _options.DefaultLetters);
        await ChooseAsync(request, choice, ct).ConfigureAwait(false);
        var answer = new ReplayDeadLettersResponse
        {
            Accepted = choice.Letters.Count,
            More = choice.More,
            Refused = choice.Refused,
            Refusals = choice.Refusals.Count == 0 ? null : choice.Refusals,
        };
        if (request.DryRun || choice.Letters.Count == 0)
        {
            return answer;
        }

        try
        {
            return await TakeAsync(request, choice, answer, ct).ConfigureAwait(false);
        }
        catch (SqliteException failure) when (failure.SqliteErrorCode != SQLitePCL.raw.SQLITE_CONSTRAINT)
        {
            return null;
        }
    }

    public async Task<GetReplayResponse> GetAsync(GetReplayRequest request, CancellationToken ct) => new()
    {
        Replay = RowNames.ReplayIdOf(request.ReplayId) is { } id ? await ledger.Reader.ReplayProgressAsync(request.TenantId, id, ct).ConfigureAwait(false) : null,
    };

    private async Task ChooseAsync(ReplayDeadLettersRequest request, Choice choice, CancellationToken ct)
    {
        var now = time.GetUtcNow().ToUnixTimeMilliseconds();
        var filter = request.Filter with { BlockType = request.Filter.BlockType is { } type ? BlockTypes.CanonicalOf(type) : null };
        var owner = new LetterOwner(request.TenantId, deadLetters.Value.IsOperator(request.TenantId));
        if (filter.Ids is { } names)
        {
            var wanted = names.Distinct(StringComparer.Ordinal).ToList();
            var letters = await ledger.Reader.LettersAsync(owner, filter, [.. wanted.Select(name => RowNames.DeadLetterIdOf(name) ?? 0)], ct).ConfigureAwait(false);
            for (var i = 0; i < letters.Count; i++)
            {
                choice.Add(letters[i], letters[i] is { } found ? found.Refuse(request, now, _options.MaxReplays) : ReplayLetter.Unknown(wanted[i]));
            }

            return;
        }

        var after = 0L;
        for (var more = true; more && !choice.More;)
        {
            var page = await ledger.Reader.LettersAsync(owner, filter, after, ct).ConfigureAwait(false);
            foreach (var letter in page.Rows)
            {
                choice.Add(letter, letter.Refuse(request, now, _options.MaxReplays));
                after = letter.Id;
            }

            more = page.More;
        }
    }

    private async Task<ReplayDeadLettersResponse> TakeAsync(ReplayDeadLettersRequest request, Choice choice, ReplayDeadLettersResponse answer, CancellationToken ct)
    {
        var replay = new NewReplay(
            request.TenantId, time.GetUtcNow().ToUnixTimeMilliseconds(), request.RequestedBy, request.Comment, request.Rate ?? _options.DefaultRate, choice.Letters);
        var written = await ledger.TakeAsync(replay, _options.MaxWaiting, _options.MaxWaitingPerTenant, ct).ConfigureAwait(false);
        if (written.ReplayId is { } id)
        {
            loop.Wake();
            return answer with { ReplayId = RowNames.Replay(id), Accepted = written.Taken };
        }

        var retryAfter = (long)RetryAfter.TotalMilliseconds;
        return written switch
        {
            _ when written.WaitingOfTenant >= _options.MaxWaitingPerTenant => Refuse(WireError.Of(
                ErrorCode.QuotaExceeded, $"{written.WaitingOfTenant} replays of this tenant still wait. Ask again when one of them is through.", retryAfterMs: retryAfter)),
            _ when written.Waiting >= _options.MaxWaiting => Refuse(WireError.Of(
                ErrorCode.SystemOverload, $"{written.Waiting} replays still wait. Ask again when one of them is through.", retryAfterMs: retryAfter)),
            // Another request was first, with all of them: the same question again is answered with its replay's id.
            _ => await ReplayAsync(request, ct).ConfigureAwait(false) ?? answer with { Accepted = 0 },
        };
    }

    private WireError? FaultOf(ReplayDeadLettersRequest request) => request switch
    {
        { Filter: null } => Invalid("filter", "The filter is null; leave it out to mean every dead letter."),
        { Filter.Ids.Count: 0 or > MaxIds } => Invalid("filter.ids", $"ids takes 1 to {MaxIds} dead letter ids; leave it out to mean all."),
        { Filter.Ids: { } ids } when ids.Contains(null!) => Invalid("filter.ids", "One of the ids is null."),
        { Filter: { Since: { } since, Until: { } until } } when since > until => Invalid("filter.since", "since is later than until."),
        { Filter.BlockType: { } type } when BlockTypes.Find(type) is null => Invalid("filter.block_type", "There is no such block type."),
        { Rate: { } rate } when !(rate >= 0.01 && rate <= _options.MaxRate) => Invalid("rate", $"rate is 0.01 to {_options.MaxRate} replays a second."),
        { Max: { } max } when max < 1 || max > _options.MaxLetters => Invalid("max", $"max is 1 to {_options.MaxLetters} dead letters."),
        { RequestedBy.Length: > MaxTextLength } => Invalid("requested_by", $"requested_by takes {MaxTextLength} characters at most."),
        { Comment.Length: > MaxTextLength } => Invalid("comment", $"comment takes {MaxTextLength} characters at most."),
        _ => null,
    };

    private static ReplayDeadLettersResponse Refuse(WireError error) => new() { Error = error };

    private static WireError Invalid(string field, string message) => WireError.Of(ErrorCode.InvalidInput, message, field: field);

    /// <summary>What a request chose, up to its maximum, and what it could not.</summary>
    private sealed class Choice(int max)
    {
        public List<long> Letters { get; } = [];

        public List<ReplayRefusal> Refusals { get; } = [];

        public int Refused { get; private set; }

        public bool More { get; private set; }

        public void Add(ReplayLetter? letter, ReplayRefusal? refusal)
        {
            if (refusal is not null)
            {
                Refused++;
                if (Refusals.Count < ListedRefusals)
                {
                    Refusals.Add(refusal);
                }
            }
            else if (Letters.Count < max)
            {
                Letters.Add(letter!.Id);
            }
            else
            {
                More = true;
            }
        }
    }
}
