using Beamline.Contracts.Admission;
using Beamline.Contracts.Exchange;

namespace Beamline.Scheduler.Tests.Engine;

/// <summary>Kills at random places of a real run: each generation starts on the files as the last one's death left them.</summary>
public sealed class EngineChaosTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task What_was_accepted_ends_exactly_once_over_any_number_of_kills(int seed)
    {
        var random = new Random(seed);
        var token = TestContext.Current.CancellationToken;
        var folders = new List<string>();
        var accepted = new HashSet<string>();
        var results = new Dictionary<string, string>();
        string? folder = null;
        for (var generation = 0; generation < 6; generation++)
        {
            await using var harness = EngineHarness.Open(folder);
            var worker = new EngineWorker(harness.Engine, "w", $"i{generation}");
            var killAfter = random.Next(5, 60);
            var last = generation == 5;
            for (var step = 0; last ? results.Count < accepted.Count || step < 5 : step < killAfter; step++)
            {
                if (!last && random.Next(2) == 0)
                {
                    var ids = Enumerable.Range(0, random.Next(1, 8)).Select(i => $"g{generation}s{step}n{i}").ToList();
                    var outcomes = await harness.Engine.AdmitAsync([.. ids.Select(id => EngineHarness.Item(id))], null, token);
                    Assert.All(outcomes, o => Assert.Equal(AdmitStatuses.Accepted, o.Status));
                    accepted.UnionWith(ids);
                }

                LeaseReport[] reports = [.. worker.Held.Values.Where(_ => random.Next(2) == 0).Select(EngineWorker.Ok)];
                await worker.ReportAsync(random.Next(1, 6), reports);
                foreach (var ending in harness.Commits.Endings)
                {
                    var text = ending.Result.ToString();
                    Assert.Equal(text, results.GetValueOrDefault(ending.Task.AssignmentId, text));
                    results[ending.Task.AssignmentId] = text;
                }
            }

            folders.Add(folder = harness.CopyAsAfterKill());
        }

        Assert.Equal(accepted.Order(), results.Keys.Order());
        await using (var end = EngineHarness.Open(folder))
        {
            Assert.Equal(0, end.Engine.Depths().OpenTasks);
            foreach (var id in accepted)
            {
                var again = await end.AdmitAsync(EngineHarness.Item(id, wait: true), "g");
                Assert.Equal((true, results[id]), (again.Duplicate, again.Result.ToString()));
            }
        }

        folders.ForEach(f => Directory.Delete(f, recursive: true));
    }
}
