using Beamline.Contracts.Errors;
using Beamline.Contracts.Exchange;
using Beamline.Contracts.Tasks;
using Beamline.Scheduler.Core;
using Beamline.Scheduler.Core.Tenants;

namespace Beamline.Scheduler.Tests.Core;

public sealed class ExplainTests
{
    [Fact]
    public void A_task_without_a_worker_says_so()
    {
        var driver = new CoreDriver();
        driver.Admit("a");
        Assert.Equal([WaitReasons.NoExecutor], Codes(driver, "a"));
        Assert.Equal(driver.Now + 600_000, Explain(driver, "a").GivesUpAt);
    }

    [Fact]
    public void A_queued_task_tells_its_place_its_share_and_when_it_starts()
    {
        var driver = new CoreDriver(tenants: new TenantsOptions { Overrides = { ["t"] = new TenantLimits { Weight = 3 } } });
        driver.Admit("first");
        var worker = driver.Worker();
        worker.Work(1);
        driver.Pass(TimeSpan.FromSeconds(2));
        driver.AdmitMany(6);
        driver.AdmitMany(5, "u", "u");
        driver.Admit("urgent", more: "\"priority\":9,");
        worker.Report(0, new LeaseReport { Lease = worker.Held.Keys.Single(), Kind = ReportKinds.Ended, Result = CoreDriver.Ok(), RanMs = 2_000 });
        worker.Work(2);

        var last = Explain(driver, "a5");
        Assert.Equal([WaitReasons.WorkersBusy], last.Reasons.Select(r => r.Code));
        Assert.Equal((6, 6, 3.0, 0.75, 2), (last.Queue!.Position, last.Queue.TenantQueued, last.Queue.Weight, last.Queue.Share, last.Queue.Slots));
        Assert.Equal(driver.Now + 8_000, last.EstimatedStartAt);
        Assert.Equal([WaitReasons.Running], Codes(driver, "urgent"));
    }

    [Fact]
    public void The_limit_that_holds_a_task_is_named()
    {
        var driver = new CoreDriver(tenants: new TenantsOptions
        {
            Overrides =
            {
                ["running"] = new TenantLimits { MaxRunning = 1 },
                ["rate"] = new TenantLimits { StartsPerSecond = 0.5 },
                ["key"] = new TenantLimits { PerKey = new KeyLimits { MaxRunning = 1 } },
                ["memory"] = new TenantLimits { MaxMemoryMb = 100 },
            },
        });
        var worker = driver.Worker();
        foreach (var tenant in driver.Tenants.Overrides.Keys)
        {
            for (var i = 0; i < 2; i++)
            {
                driver.Admit($"{tenant}{i}", tenant, """{"type":"crypto.hash","content":"x","concurrency_key":"k","resources":{"memory_mb":60}}""");
            }
        }

        Assert.Equal(4, worker.Work(100).Answer!.Leases.Count);
        Assert.Equal(QuotaLimits.Running, LimitOn(driver, "running1", "running").Limit);
        Assert.Equal(QuotaLimits.StartRate, LimitOn(driver, "rate1", "rate").Limit);
        Assert.Equal(driver.Now + 2_000, LimitOn(driver, "rate1", "rate").Until);
        Assert.Equal(QuotaLimits.KeyRunning, LimitOn(driver, "key1", "key").Limit);
        Assert.Equal(QuotaLimits.Memory, LimitOn(driver, "memory1", "memory").Limit);
    }

    [Fact]
    public void What_is_parked_or_too_large_says_why()
    {
        var driver = new CoreDriver();
        var worker = driver.Worker();
        worker.MemoryMb = 100;
        driver.Admit("later", more: $"\"not_before\":{driver.Now + 5_000},");
        driver.Admit("huge", job: """{"type":"crypto.hash","content":"x","resources":{"memory_mb":200}}""");
        driver.Admit("retried");
        worker.Work(1);
        worker.Report(0, CoreWorker.RetryAt(worker.Held.Keys.Single(), 30_000));

        Assert.Equal([WaitReasons.NotBefore], Codes(driver, "later"));
        Assert.Equal(driver.Now + 5_000, Explain(driver, "later").EstimatedStartAt);
        Assert.Contains(WaitReasons.NoExecutorLargeEnough, Codes(driver, "huge"));
        Assert.Equal([WaitReasons.RetryLater], Codes(driver, "retried"));
    }

    [Fact]
    public void Nobody_else_learns_of_a_task_and_an_ended_one_has_no_reasons_left()
    {
        var driver = new CoreDriver();
        driver.Admit("a");
        Assert.Null(driver.Core.Explain(driver.Now, new TaskKey("u", "a"), out var row));
        Assert.Null(row);
        driver.Cancel("a");
        Assert.Null(driver.Core.Explain(driver.Now, new TaskKey("t", "a"), out row));
        Assert.NotNull(row);
    }

    [Fact]
    public void What_a_limit_holds_while_workers_are_free_does_not_wait_for_workers()
    {
        var driver = new CoreDriver(tenants: new TenantsOptions { Default = { MaxRunning = 1 } });
        driver.AdmitMany(2);
        var worker = driver.Worker();
        worker.Work(2);
        Assert.Equal([WaitReasons.Limit], Codes(driver, "a1"));

        driver.Admit("other", tenant: "u");
        worker.Work(1);
        Assert.Equal([WaitReasons.Limit, WaitReasons.WorkersBusy], Codes(driver, "a1"));
    }

    [Fact]
    public void What_is_parked_gives_up_when_it_expires_if_at_all()
    {
        var driver = new CoreDriver();
        driver.Admit("patient", more: $"\"not_before\":{driver.Now + 5_000},");
        driver.Admit("expiring", more: $"\"not_before\":{driver.Now + 5_000},\"expires_at\":{driver.Now + 9_000},");
        Assert.Null(Explain(driver, "patient").GivesUpAt);
        Assert.Equal(driver.Now + 9_000, Explain(driver, "expiring").GivesUpAt);
    }

    private static WaitReason LimitOn(CoreDriver driver, string id, string tenant) => Explain(driver, id, tenant).Reasons.Single(r => r.Code == WaitReasons.Limit);

    private static IEnumerable<string> Codes(CoreDriver driver, string id) => Explain(driver, id).Reasons.Select(r => r.Code);

    private static TaskExplanation Explain(CoreDriver driver, string id, string tenant = "t") => driver.Core.Explain(driver.Now, new TaskKey(tenant, id), out _)!;
}
