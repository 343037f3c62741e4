namespace Beamline.Local.Demo;

/// <summary>The demo against a gateway, wherever it runs.</summary>
internal static class DemoCommand
{
    /// <returns>0 when every task ended as expected, 1 when any differs.</returns>
    public static async Task<int> RunAsync(Uri gateway, DemoWebServer web, bool sabotage, CancellationToken cancellation)
    {
        using var http = new HttpClient { BaseAddress = gateway, Timeout = Timeout.InfiniteTimeSpan };
        var run = Guid.NewGuid().ToString("n")[..8];
        var tasks = DemoTasks.Make(web.Address, run, sabotage);
        var screen = DemoScreen.OnStandardOutput();

        screen.Line($"{tasks.Count} tasks go to {gateway}");
        var outcomes = await screen.ShowAsync(tasks, onEvent => new DemoRun(new DemoClient(http), onEvent).RunAsync(tasks, cancellation));
        screen.Table(outcomes);
        return outcomes.All(outcome => outcome.AsExpected) ? 0 : 1;
    }
}
