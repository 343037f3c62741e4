using Beamline.Local.Demo;

namespace Beamline.Local.Tests;

public sealed class DemoTasksTests
{
    private static readonly Uri Web = new("http://127.0.0.1:9");

    [Fact]
    public void They_cover_every_pool_and_every_kind_of_ending()
    {
        var tasks = DemoTasks.Make(Web, "run", sabotage: false);
        Assert.Subset(
            tasks.Select(task => task.Type).ToHashSet(StringComparer.Ordinal),
            new HashSet<string>(["http.request", "fs.blob_put", "fs.blob_get", "sql.query", "crypto.hash", "compute.matmul", "human.approval"], StringComparer.Ordinal));
        Assert.Contains(tasks, task => task.CancelWhenStarted);
        Assert.Contains(tasks, task => task.ExpectedEvent == "dead_lettered");
        Assert.True(tasks.Count >= 12);
    }

    [Fact]
    public void Sabotage_alters_exactly_one_task()
    {
        var honest = DemoTasks.Make(Web, "run", sabotage: false).Select(task => task.Job.ToJsonString()).ToArray();
        var altered = DemoTasks.Make(Web, "run", sabotage: true).Select(task => task.Job.ToJsonString()).ToArray();

        // The database's bytes are the same in both: SQLite writes no time into the file.
        Assert.Single(honest.Zip(altered), pair => pair.First != pair.Second);
    }

    [Fact]
    public void A_task_comes_after_one_that_stands_before_it()
    {
        var tasks = DemoTasks.Make(Web, "run", sabotage: false);
        for (var i = 0; i < tasks.Count; i++)
        {
            if (tasks[i].After is { } first)
            {
                Assert.Contains(tasks.Take(i), task => task.Name == first);
            }
        }
    }
}
