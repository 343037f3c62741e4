using Spectre.Console;

namespace Beamline.Local.Demo;

/// <summary>Shows the demo: a live list while it runs (plain lines where the output is no terminal), a table at the end.</summary>
internal sealed class DemoScreen(IAnsiConsole console)
{
    private static readonly HashSet<string> Final =
        new(["completed", "failed", "timed_out", "cancelled", "rejected", "dead_lettered"], StringComparer.Ordinal);

    /// <summary>The process's own output: colours and a live list on a terminal, plain text and wide lines into a file or pipe.</summary>
    public static DemoScreen OnStandardOutput()
    {
        if (!Console.IsOutputRedirected)
        {
            return new DemoScreen(AnsiConsole.Console);
        }

        var plain = AnsiConsole.Create(new AnsiConsoleSettings { Ansi = AnsiSupport.No, ColorSystem = ColorSystemSupport.NoColors });
        plain.Profile.Width = 160;
        return new DemoScreen(plain);
    }

    public void Line(string text) => console.WriteLine(text);

    public async Task<IReadOnlyList<DemoOutcome>> ShowAsync(
        IReadOnlyList<DemoTask> tasks, Func<Action<DemoTask, string>, Task<IReadOnlyList<DemoOutcome>>> run)
    {
        IReadOnlyList<DemoOutcome> outcomes = [];
        if (!console.Profile.Capabilities.Ansi)
        {
            outcomes = await run((task, happened) => console.WriteLine($"{task.Name}: {happened}"));
            return outcomes;
        }

        await console.Progress().AutoClear(true)
            .Columns(new SpinnerColumn(), new TaskDescriptionColumn { Alignment = Justify.Left }, new ElapsedTimeColumn())
            .StartAsync(async progress =>
            {
                var lines = tasks.ToDictionary(task => task, task => progress.AddTask(Description(task, "waits"), maxValue: 1));
                outcomes = await run((task, happened) =>
                {
                    var line = lines[task];
                    line.Description = Description(task, happened);
                    if (Final.Contains(happened))
                    {
                        line.Value = 1;
                    }
                });
            });
        return outcomes;
    }

    public void Table(IReadOnlyList<DemoOutcome> outcomes)
    {
        var table = new Table().Border(TableBorder.Rounded);
        table.AddColumns("task", "block", "pool", "status", "ms", "retries", "expected", "");
        foreach (var outcome in outcomes)
        {
            table.AddRow(
                Markup.Escape(outcome.Task.Name), outcome.Task.Type, outcome.Pool, outcome.Status, $"{outcome.LatencyMs}",
                $"{outcome.RetriesUsed}", Markup.Escape(outcome.Task.Expected),
                outcome.AsExpected ? "[green]as expected[/]" : $"[red]{Markup.Escape(outcome.Difference!)}[/]");
        }

        console.Write(table);
        var differing = outcomes.Count(outcome => !outcome.AsExpected);
        console.MarkupLine(differing == 0
            ? $"[green]All {outcomes.Count} tasks ended as expected.[/]"
            : $"[red]{differing} of {outcomes.Count} tasks did not end as expected.[/]");
    }

    private static string Description(DemoTask task, string happened) => $"{Markup.Escape(task.Name)} [grey]{task.Type}[/] {happened}";
}
