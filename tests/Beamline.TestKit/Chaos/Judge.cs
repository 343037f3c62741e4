using System.Globalization;

namespace Beamline.TestKit.Chaos;

/// <summary>What the platform has promised and not kept, in words, for one assignment.</summary>
public sealed record Violation(string Id, string What);

/// <summary>Whom the load met, and what became of it.</summary>
public sealed record Verdict
{
    public required IReadOnlyList<Violation> Violations { get; init; }
    public required int Sent { get; init; }
    public required int Accepted { get; init; }
    public required int Cancelled { get; init; }

    /// <summary>Ended as <c>worker_lost</c> where the contract allows it: every delivery used up, or at_most_once.</summary>
    public required int WorkerLost { get; init; }

    /// <summary>Ended in a second or third delivery.</summary>
    public required int Redelivered { get; init; }
}

/// <summary>
/// Reads a <see cref="Journal"/> and says what in it the contract does not allow:
/// <list type="number">
/// <item>an assignment that was never accepted, though its client went on asking;</item>
/// <item>an accepted one without a result, by GET or on the bus, or without its last event;</item>
/// <item>two different results of one assignment, or two last events;</item>
/// <item>an at_most_once step that the outside world saw twice;</item>
/// <item>a step seen twice in one delivery and retry, or in a delivery that its result does not count;</item>
/// <item>two assignments of one identity that both ran, or ended differently;</item>
/// <item>an end that was not expected, a wrong content, a refusal, a result of something that was never sent.</item>
/// </list>
/// </summary>
public sealed class Judge
{
    // Deliveries that the platform makes before it gives a task up.
    private const int MaxDeliveries = 3;

    private readonly Dictionary<string, Case> _cases = new(StringComparer.Ordinal);
    private readonly List<Violation> _violations = [];

    public static Verdict Read(string journal)
    {
        var judge = new Judge();
        foreach (var fact in Journal.Read(journal))
        {
            judge.Take(fact);
        }

        return judge.Conclude();
    }

    public void Take(Fact fact)
    {
        ArgumentNullException.ThrowIfNull(fact);
        if (fact.Id is null)
        {
            return;
        }

        if (!_cases.TryGetValue(fact.Id, out var found))
        {
            found = _cases[fact.Id] = new Case(fact.Id, fact);
            if (fact.Kind != FactKinds.Sending)
            {
                Blame(fact.Id, $"seen ({fact.Kind}) and never sent");
            }
        }

        Take(found, fact);
    }

    public Verdict Conclude()
    {
        foreach (var found in _cases.Values)
        {
            if (found.Accepted)
            {
                JudgeCase(found);
            }
            else
            {
                Require(found, found.Opening.Kind != FactKinds.Sending, "sent until the end of the run, and never accepted");
            }
        }

        foreach (var identity in _cases.Values.Where(found => found.Opening.Identity is not null).GroupBy(found => found.Opening.Identity))
        {
            JudgeIdentity([.. identity]);
        }

        return new Verdict
        {
            Violations = _violations,
            Sent = _cases.Values.Count(found => found.Opening.Kind == FactKinds.Sending),
            Accepted = _cases.Values.Count(found => found.Accepted),
            Cancelled = _cases.Values.Count(found => found.Result?.Status == "cancelled"),
            WorkerLost = _cases.Values.Count(found => found.Result?.Reason == "worker_lost"),
            Redelivered = _cases.Values.Count(found => found.Result?.Delivery > 1),
        };
    }

    private void Take(Case found, Fact fact)
    {
        switch (fact.Kind)
        {
            case FactKinds.Accepted:
                found.Accepted = true;
                break;
            case FactKinds.Refused:
                Blame(found.Id, $"refused: {fact.Reason}");
                break;
            case FactKinds.Result:
                TakeResult(found, fact);
                break;
            case FactKinds.Final when found.Finals.Add(fact.Hash!) && found.Finals.Count > 1:
                Blame(found.Id, "two last events");
                break;
            case FactKinds.Ran when !found.Runs.Add((fact.Delivery!.Value, fact.Retry!.Value)):
                Blame(found.Id, string.Create(CultureInfo.InvariantCulture, $"ran twice in delivery {fact.Delivery}, retry {fact.Retry}"));
                break;
            default:
                break;
        }
    }

    private void TakeResult(Case found, Fact fact)
    {
        (found.OnBus, found.Asked) = (found.OnBus || fact.Via == "bus", found.Asked || fact.Via == "get");
        if (found.Result is null)
        {
            found.Result = fact;
        }
        else if (found.Result.Hash != fact.Hash)
        {
            Blame(found.Id, $"two results: {found.Result.Status} via {found.Result.Via}, {fact.Status} via {fact.Via}");
        }

        if (fact.Fault is not null)
        {
            Blame(found.Id, $"a wrong result via {fact.Via}: {fact.Fault}");
        }
    }

    private void JudgeCase(Case found)
    {
        Require(found, found.Asked, "accepted, and no GET ever told its result");
        Require(found, found.OnBus, "accepted, and its result never reached the bus");
        Require(found, found.Finals.Count > 0, "accepted, and its last event never reached the bus");
        Require(found, found.Opening.Once != true || found.Runs.Count <= 1, $"at_most_once, and ran {found.Runs.Count} times");
        if (found.Result is not { } result)
        {
            return;
        }

        var latest = found.Runs.Count == 0 ? 0 : found.Runs.Max(run => run.Delivery);
        Require(found, latest <= result.Delivery, $"ran in delivery {latest}, and its result tells of {result.Delivery}");
        Require(found, IsAllowed(found.Opening, result), $"ended as {result.Status} {result.Reason} in delivery {result.Delivery}, expected {found.Opening.Expect}");
    }

    private static bool IsAllowed(Fact opening, Fact result) => result.Status switch
    {
        "success" => true,
        "cancelled" => opening.Expect == Expectations.CancelledOrDone,
        _ => result.Reason == "worker_lost" && (opening.Once == true || result.Delivery >= MaxDeliveries),
    };

    private void JudgeIdentity(IReadOnlyList<Case> cases)
    {
        var first = cases[0];
        Require(first, cases.Count(found => found.Runs.Count > 0) <= 1, $"{string.Join(" and ", cases.Select(found => found.Id))} are one step, and more than one ran");
        Require(first, cases.Select(found => found.Result?.Status).Distinct().Count() == 1, "one step under two ids, which ended differently");
    }

    private void Require(Case found, bool holds, string what)
    {
        if (!holds)
        {
            Blame(found.Id, what);
        }
    }

    private void Blame(string id, string what) => _violations.Add(new Violation(id, what));

    /// <summary>What is known of one assignment.</summary>
    private sealed class Case(string id, Fact opening)
    {
        public string Id => id;

        public Fact Opening => opening;

        public bool Accepted { get; set; }

        public bool OnBus { get; set; }

        public bool Asked { get; set; }

        public Fact? Result { get; set; }

        public HashSet<(int Delivery, int Retry)> Runs { get; } = [];

        public HashSet<string> Finals { get; } = new(StringComparer.Ordinal);
    }
}
