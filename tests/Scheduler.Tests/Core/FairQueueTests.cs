using Beamline.Scheduler.Core;

namespace Beamline.Scheduler.Tests.Core;

public sealed class FairQueueTests
{
    private readonly CoreDriver _driver = new();

    [Fact]
    public void A_flood_of_one_tenant_stands_behind_the_few_of_another()
    {
        _driver.AdmitMany(100, "flood", "big");
        _driver.AdmitMany(3, "few", "small");
        var order = _driver.Worker().Work(free: 8).Answer!.Leases.Select(l => l.TenantId).ToList();
        Assert.Equal(3, order.Take(7).Count(t => t == "small"));
    }

    [Fact]
    public void A_tenant_that_was_idle_saves_up_no_right_to_the_whole_pool()
    {
        _driver.AdmitMany(50, "b", "busy");
        _driver.Worker().Work(free: 20);
        _driver.AdmitMany(50, "n", "new");
        var next = _driver.Worker("w2").Work(free: 20).Answer!.Leases.Select(l => l.TenantId).ToList();
        Assert.InRange(next.Count(t => t == "new"), 9, 11);
    }

    [Fact]
    public void A_worker_that_offers_a_block_under_two_names_keeps_the_pools_time_from_call_to_call()
    {
        var worker = _driver.Worker();
        worker.Types = ["crypto.hash", "fs.blob_put", "fs.put"];
        _driver.AdmitMany(50, "b", "busy");
        worker.Work(free: 20);
        worker.Report(free: 0);
        _driver.AdmitMany(50, "n", "new");
        var next = worker.Work(free: 20).Answer!.Leases.Select(l => l.TenantId).ToList();
        Assert.InRange(next.Count(t => t == "new"), 9, 11);
    }

    [Fact]
    public void Costly_blocks_take_their_share_of_the_time_not_of_the_count()
    {
        for (var i = 0; i < 40; i++)
        {
            _driver.Admit($"g{i}", "heavy", """{"type":"crypto.hash","content":"x","resources":{"concurrency":4}}""");
            _driver.Admit($"c{i}", "light");
        }

        var order = _driver.Worker().Work(free: 40).Answer!.Leases.Select(l => l.TenantId).ToList();
        Assert.True(order.Count(t => t == "light") >= 3 * order.Count(t => t == "heavy"));
    }

    [Fact]
    public void Priority_goes_first_within_a_tenant_and_waiting_makes_up_for_it()
    {
        _driver.Admit("low", more: "\"priority\":4,");
        _driver.Admit("high", more: "\"priority\":5,");
        var worker = _driver.Worker();
        Assert.Equal("high", worker.Work(1).Answer!.Leases[0].AssignmentId);
        worker.Report(0, CoreWorker.Ended(worker.Held.Keys.Single()));

        _driver.Pass(TimeSpan.FromSeconds(31));
        _driver.Admit("younger", more: "\"priority\":5,");
        Assert.Equal(["low", "younger"], _driver.Worker("w2").Work(2).Answer!.Leases.Select(l => l.AssignmentId));
    }

    [Fact]
    public void A_wide_task_lets_others_pass_so_often_and_then_a_worker_is_kept_free_for_it()
    {
        var driver = new CoreDriver(new SchedulingOptions { SkipsBeforeReservation = 3 });
        driver.Admit("small");
        var worker = driver.Worker();
        worker.Work(1);
        driver.Admit("wide", job: """{"type":"crypto.hash","content":"x","resources":{"concurrency":4}}""");
        driver.AdmitMany(10, "later");
        Assert.Equal(["later0", "later1"], worker.Work(3).Answer!.Leases.Select(l => l.AssignmentId).Take(2));

        // Kept free now: nothing more until all four slots are.
        Assert.Null(worker.Work(3).Answer);
        foreach (var lease in worker.Held.Keys.ToList().SkipLast(1))
        {
            worker.Report(0, CoreWorker.Ended(lease));
        }

        Assert.Null(worker.Work(3).Answer);
        var report = worker.Report(4, CoreWorker.Ended(worker.Held.Keys.Single()));
        Assert.Equal("wide", report.Answer!.Leases[0].AssignmentId);
        Assert.Equal(8, driver.Worker("w2").Work(20).Answer!.Leases.Count);
    }

    [Fact]
    public void Ten_thousand_tenants_are_served_in_turn()
    {
        for (var i = 0; i < 10_000; i++)
        {
            _driver.Core.Admit(_driver.Now, CoreDriver.Candidate($"a{i}", $"t{i % 5_000}"), null);
        }

        _driver.Commit();
        var first = _driver.Worker().Work(5_000).Answer!.Leases;
        Assert.Equal(5_000, first.Select(l => l.TenantId).Distinct().Count());
    }
}
