using Beamline.Contracts.Exchange;
using Beamline.Contracts.Workers;
using Beamline.Scheduler.Engine;
using Beamline.Scheduler.Ledger;
using Microsoft.Extensions.Logging.Abstractions;

namespace Beamline.Scheduler.Tests.Engine;

public sealed class EngineOptionTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Outputs_repeat_the_result_where_EmitOutputs_says_so(bool emit)
    {
        await using var harness = EngineHarness.Open(options: new() { EmitOutputs = emit });
        await harness.AdmitAsync(EngineHarness.Item("a"));
        var worker = new EngineWorker(harness.Engine);
        await worker.ReportAsync(0, EngineWorker.Ok(Assert.Single((await worker.WorkAsync(1)).Leases)));
        var result = Assert.Single(harness.Commits.Endings).Result.ToString();
        Assert.Equal(emit, result.Contains("\"outputs\":{\"digest\"", StringComparison.Ordinal));
        Assert.Contains("\"result\":{\"digest\"", result, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Time_is_looked_at_every_TickEvery()
    {
        var folder = Directory.CreateTempSubdirectory("beamline-ledger-");
        var time = new ManualTime();
        await using (var ledger = LedgerStore.Open(new LedgerOptions { Folder = folder.FullName }))
        await using (var engine = SchedulingEngine.Start(
            ledger, EngineHarness.NothingKnown, [], new() { HoldTime = TimeSpan.FromMilliseconds(10) }, new(), new() { TickEvery = TimeSpan.FromSeconds(4) }, time, NullLogger.Instance))
        {
            var held = engine.ExchangeAsync(
                new ExchangeRequest
                {
                    Worker = "w", Incarnation = "i", Pool = "cpu", Channel = ExchangeChannels.Work, Seq = 1, Seen = new(0, 0), Free = 1, Running = [], Offers = [new BlockOffer("crypto.hash", "1")],
                },
                TestContext.Current.CancellationToken);
            time.Advance(TimeSpan.FromSeconds(3.9));
            Assert.False(held.IsCompleted);
            time.Advance(TimeSpan.FromSeconds(0.1));
            Assert.Equal(4_000, (await held.WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken)).HeldMs);
        }

        folder.Delete(recursive: true);
    }
}
