using Beamline.Contracts.Exchange;
using Beamline.Scheduler.Core;
using Beamline.Scheduler.Core.Tenants;

namespace Beamline.Scheduler.Tests.Core;

/// <summary>How a contended pool is divided: by weight, by what steps really cost, over workers that are alike or not.</summary>
public sealed class ShareTests
{
    [Fact]
    public void A_tenant_with_three_times_the_weight_gets_three_times_as_much()
    {
        var driver = new CoreDriver(tenants: new TenantsOptions { Overrides = { ["heavy"] = new TenantLimits { Weight = 3 } } });
        driver.AdmitMany(100, "h", "heavy");
        driver.AdmitMany(100, "l", "light");
        var given = driver.Worker().Work(80).Answer!.Leases.GroupBy(l => l.TenantId).ToDictionary(g => g.Key, g => g.Count());
        Assert.InRange(given["heavy"], 59, 61);
        Assert.InRange(given["light"], 19, 21);
    }

    [Fact]
    public void What_a_step_really_cost_counts_and_not_what_its_type_was_expected_to()
    {
        var driver = new CoreDriver();
        var worker = driver.Worker();
        var given = new Dictionary<string, int> { ["slow"] = 0, ["quick"] = 0 };
        driver.AdmitMany(400, "s", "slow");
        driver.AdmitMany(400, "q", "quick");
        for (var turn = 0; turn < 400; turn++)
        {
            var lease = worker.Held.Values.SingleOrDefault() ?? worker.Work(1).Answer!.Leases[0];
            given[lease.TenantId]++;
            var ran = lease.TenantId == "slow" ? 30 : 10;
            driver.Pass(TimeSpan.FromMilliseconds(ran));
            worker.Report(1, new LeaseReport { Lease = lease.Number, Kind = ReportKinds.Ended, Result = CoreDriver.Ok(lease.TenantId), RanMs = ran });
        }

        Assert.InRange(given["quick"] / (double)given["slow"], 2.8, 3.2);
    }

    [Fact]
    public void A_long_step_is_charged_while_it_runs_and_not_only_at_its_end()
    {
        var driver = new CoreDriver();
        driver.AdmitMany(30, "l", "long");
        var worker = driver.Worker();
        worker.Work(1);
        driver.AdmitMany(30, "s", "short");
        driver.Pass(TimeSpan.FromSeconds(10));
        var lease = worker.Held.Values.Single();
        driver.Call(worker.Request(ExchangeChannels.Work, 0) with { Running = [new RunningLease(lease.Number, 10_000, 0)] });
        Assert.All(driver.Worker("w2").Work(20).Answer!.Leases, l => Assert.Equal("short", l.TenantId));
    }

    [Fact]
    public void What_never_ran_costs_nothing()
    {
        var driver = new CoreDriver();
        driver.AdmitMany(20, "a", "unlucky");
        driver.AdmitMany(20, "b", "other");
        var worker = driver.Worker();
        for (var turn = 0; turn < 10; turn++)
        {
            worker.Work(1);
            var lease = worker.Held.Values.Single();
            worker.Report(0, lease.TenantId == "unlucky" ? CoreWorker.HandedBack(lease.Number) : CoreWorker.Ended(lease.Number, CoreDriver.Ok("other")));
        }

        // The turns that were handed back are still owed.
        Assert.Equal("unlucky", driver.Worker("w2").Work(1).Answer!.Leases[0].TenantId);
    }

    [Fact]
    public void Work_that_few_workers_offer_waits_for_them_without_buying_more_of_the_others()
    {
        var driver = new CoreDriver();
        for (var i = 0; i < 50; i++)
        {
            driver.Admit($"rare{i}", "mixed", """{"type":"http.request","url":"http://x/","resources":{"class":"io"}}""");
            driver.Admit($"common{i}", "mixed", """{"type":"fs.blob_put","path":"/a","content":"x"}""");
            driver.Admit($"plain{i}", "plain", """{"type":"fs.blob_put","path":"/a","content":"x"}""");
        }

        var worker = driver.Worker(pool: "io");
        worker.Types = ["fs.blob_put"];
        Assert.InRange(worker.Work(40).Answer!.Leases.Count(l => l.TenantId == "mixed"), 19, 21);

        var special = driver.Worker("w2", pool: "io");
        special.Types = ["http.request"];
        Assert.All(special.Work(5).Answer!.Leases, l => Assert.Equal("http.request", driver.Row(l.AssignmentId).Task.Type));
        Assert.InRange(worker.Work(40).Answer!.Leases.Count(l => l.TenantId == "mixed"), 10, 22);
    }

    [Fact]
    public void Many_keys_buy_no_more_than_one()
    {
        var driver = new CoreDriver(tenants: new TenantsOptions { Default = { PerKey = new KeyLimits { MaxRunning = 5 } } });
        for (var i = 0; i < 100; i++)
        {
            driver.Admit($"s{i}", "sharded", $$"""{"type":"crypto.hash","content":"x","concurrency_key":"k{{i % 50}}"}""");
        }

        driver.AdmitMany(100, "p", "plain");
        Assert.InRange(driver.Worker().Work(60).Answer!.Leases.Count(l => l.TenantId == "sharded"), 29, 31);
    }

    [Fact]
    public void What_a_task_ran_before_a_restart_is_not_charged_again_after_it()
    {
        var driver = new CoreDriver();
        driver.Admit("old", "long");
        var worker = driver.Worker();
        worker.Work(1);
        var lease = worker.Held.Keys.Single();
        driver.Crash(epoch: 2);
        driver.Pass(TimeSpan.FromMilliseconds(10));
        driver.Call(worker.Request(ExchangeChannels.Work, 0) with { Running = [new RunningLease(lease, 3_600_000, 0)] });
        driver.AdmitMany(80, "s", "short");
        driver.AdmitMany(80, "l", "long");
        Assert.Contains(driver.Worker("w2").Work(80).Answer!.Leases, l => l.TenantId == "long");
    }

    [Fact]
    public void Who_comes_new_starts_where_the_others_are_even_if_some_workers_have_long_taken_nothing()
    {
        var driver = new CoreDriver();
        var idle = driver.Worker("idle");
        idle.Types = ["crypto.hash", "fs.blob_put"];
        idle.Work(0);
        driver.AdmitMany(80, "o", "old");
        var worker = driver.Worker();
        worker.Types = ["crypto.hash"];
        worker.Work(40);
        driver.AdmitMany(80, "n", "new");
        Assert.InRange(worker.Work(40).Answer!.Leases.Count(l => l.TenantId == "old"), 15, 25);
    }

    [Fact]
    public void Whom_a_limit_held_goes_on_where_the_others_of_each_kind_of_worker_are()
    {
        var driver = new CoreDriver(tenants: new TenantsOptions { Overrides = { ["mixed"] = new TenantLimits { MaxRunning = 1 } } });
        var fast = driver.Worker("fast", pool: "io");
        fast.Types = ["http.request"];
        var slow = driver.Worker("slow", pool: "io");
        slow.Types = ["fs.blob_put"];
        for (var i = 0; i < 60; i++)
        {
            driver.Admit($"f{i}", "fast", """{"type":"http.request","url":"http://x/"}""");
            driver.Admit($"s{i}", "plain", """{"type":"fs.blob_put","path":"/a","content":"x"}""");
        }

        driver.Admit("m-http", "mixed", """{"type":"http.request","url":"http://x/"}""");
        driver.Admit("m0", "mixed", """{"type":"fs.blob_put","path":"/a","content":"x"}""");
        driver.Admit("m1", "mixed", """{"type":"fs.blob_put","path":"/a","content":"x"}""");
        Assert.Contains(slow.Work(4).Answer!.Leases, l => l.AssignmentId == "m0");
        fast.Work(50);
        var next = slow.Report(6, CoreWorker.Ended(slow.Held.Values.Single(l => l.AssignmentId == "m0").Number, CoreDriver.Ok("mixed")));
        Assert.Contains(next.Answer!.Leases, l => l.AssignmentId == "m1");
    }
}
