using Beamline.Sidecar.Conformance.Tests.Hosts;
using Beamline.Sidecar.Conformance.Tests.Recordings;
using Beamline.Sidecar.Conformance.Tests.Replay;

namespace Beamline.Sidecar.Conformance.Tests;

/// <summary>Each file is replayed once a transport, when the first of its cases asks; every case then looks up its own outcome.</summary>
public sealed class Replays
{
    private readonly Lock _lock = new(); // guards _outcomes
    private readonly Dictionary<(Transport, string), Task<IReadOnlyDictionary<string, IReadOnlyList<string>>>> _outcomes = [];

    internal async Task<IReadOnlyList<string>> DifferencesAsync(Transport transport, string file, string name)
    {
        return (await OutcomeAsync(transport, file))[name];
    }

    private Task<IReadOnlyDictionary<string, IReadOnlyList<string>>> OutcomeAsync(Transport transport, string file)
    {
        lock (_lock)
        {
            if (!_outcomes.TryGetValue((transport, file), out var outcome))
            {
                // Not the token of the test that happens to ask first: the others want the outcome too.
                outcome = Task.Run(() => FileReplay.RunAsync(transport, file, CancellationToken.None));
                _outcomes.Add((transport, file), outcome);
            }

            return outcome;
        }
    }
}

public abstract class RecordedCasesTests(Transport transport, Replays replays)
{
    public static TheoryData<string, string> Cases => [.. CaseTable.Rows.Values.Select(row => (row.File, row.Name))];

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task A_recorded_case_is_held_as_the_table_says(string file, string name)
    {
        var row = CaseTable.Rows[$"{file}/{name}"];
        var differences = await replays.DifferencesAsync(transport, file, name);
        if (row.Verdict == Verdict.Differs && transport != Transport.Daprd)
        {
            Assert.True(differences.Count > 0, $"{file}/{name} is exact by now: say so in cases.csv");
            return;
        }

        Assert.True(differences.Count == 0, string.Join('\n', differences));
    }
}

public sealed class RecordedCasesOverSockets(Replays replays) : RecordedCasesTests(Transport.Sockets, replays), IClassFixture<Replays>;

public sealed class RecordedCasesInMemory(Replays replays) : RecordedCasesTests(Transport.Memory, replays), IClassFixture<Replays>;

/// <summary>The recordings against what they were recorded from: shows that the replay itself asks and compares rightly.</summary>
public sealed class RecordedCasesOnTheRealRuntime
{
    public static TheoryData<string> Files => [.. RecordedCases.Files];

    [Theory]
    [MemberData(nameof(Files))]
    public async Task The_real_runtime_holds_its_own_recordings(string file)
    {
        Assert.SkipWhen(DaprdHost.WhyNot is not null, DaprdHost.WhyNot ?? "");

        var outcomes = await FileReplay.RunAsync(Transport.Daprd, file, TestContext.Current.CancellationToken);

        Assert.Empty(outcomes.Where(outcome => outcome.Value.Count > 0).Select(outcome => $"{outcome.Key}: {string.Join("; ", outcome.Value)}"));
    }
}
