using Beamline.Contracts.Exchange;
using Beamline.Scheduler.Core;
using Beamline.Scheduler.Core.Tenants;

namespace Beamline.Scheduler.Tests.Core;

/// <summary>What declares memory: it waits for room, is never passed over for ever, and holds up nobody for nothing.</summary>
public sealed class MemoryTests
{
    [Fact]
    public void A_worker_kept_free_for_a_task_starts_it_only_within_its_tenants_memory()
    {
        var driver = With(1_000);
        var large = driver.Worker("large");
        large.MemoryMb = 1_000;
        Admit(driver, "half", 500, "u");
        large.Work(1);
        Admit(driver, "big", 900);
        driver.AdmitMany(4, "light", "u");
        large.Work(5);
        Assert.Null(large.Work(5).Answer);
        Admit(driver, "small", 200);
        var little = driver.Worker("little");
        little.MemoryMb = 300;
        Assert.Equal(["small"], Ids(little.Work(1)));

        // There is room on the worker, but not for the tenant: the worker goes on with the others meanwhile.
        Assert.DoesNotContain("big", Ids(large.Report(5, CoreWorker.Ended(LeaseOf(large, "half")))));
        little.Report(0, CoreWorker.Ended(LeaseOf(little, "small")));
        Assert.Equal(["big"], Ids(large.Work(5)));
    }

    [Fact]
    public void No_memory_is_kept_for_what_no_worker_can_hold()
    {
        var driver = With(1_000);
        var worker = driver.Worker();
        worker.MemoryMb = 400;
        Admit(driver, "runs", 300);
        worker.Work(1);
        Admit(driver, "huge", 900);
        driver.AdmitMany(4, "light");
        worker.Work(4);
        Admit(driver, "small", 50);
        Assert.Equal(["small"], Ids(worker.Work(1)));
    }

    [Fact]
    public void What_no_worker_can_hold_stands_before_nothing_smaller_of_its_kind()
    {
        var driver = new CoreDriver();
        var worker = driver.Worker();
        worker.MemoryMb = 700;
        Admit(driver, "huge", 1_000);
        Admit(driver, "fits", 600);
        Assert.Equal(["fits"], Ids(worker.Work(1)));
    }

    [Fact]
    public void A_tenant_without_a_limit_has_none_whatever_its_tasks_declare()
    {
        var driver = new CoreDriver();
        for (var i = 0; i < 4; i++)
        {
            Admit(driver, $"a{i}", int.MaxValue);
        }

        Assert.Equal(4, driver.Worker().Work(5).Answer!.Leases.Count);
    }

    [Fact]
    public void However_many_tenants_are_at_their_memory_limit_others_tasks_go_on()
    {
        var driver = new CoreDriver(tenants: new TenantsOptions { Default = { MaxMemoryMb = 100 } });
        var worker = driver.Worker();
        for (var i = 0; i < 100; i++)
        {
            Admit(driver, $"runs{i}", 100, $"t{i}");
        }

        worker.Work(100);
        for (var i = 0; i < 100; i++)
        {
            Admit(driver, $"waits{i}", 100, $"t{i}");
        }

        Admit(driver, "theirs", 10, "other");
        Assert.Equal(["theirs"], Ids(worker.Work(5)));

        // Each goes on as soon as it may.
        var held = worker.Work(5);
        Assert.Null(held.Answer);
        Assert.Equal(["waits70"], Ids(worker.Report(5, CoreWorker.Ended(LeaseOf(worker, "runs70"), CoreDriver.Ok("t70")))));
    }

    [Fact]
    public void However_many_tasks_no_worker_can_hold_others_go_on_and_a_larger_worker_takes_them()
    {
        var driver = new CoreDriver();
        for (var i = 0; i < 100; i++)
        {
            Admit(driver, $"huge{i}", 900, $"t{i}");
        }

        Admit(driver, "theirs", 10, "other");
        var worker = driver.Worker();
        worker.MemoryMb = 500;
        Assert.Equal(["theirs"], Ids(worker.Work(5)));
        worker.MemoryMb = 2_000;
        Assert.Equal(["huge0", "huge1"], Ids(worker.Work(5)).Order());
        var larger = driver.Worker("larger");
        larger.MemoryMb = 1_000;
        Assert.Equal(["huge2"], Ids(larger.Work(5)));
    }

    [Fact]
    public void A_smaller_task_that_comes_after_one_that_must_wait_goes_on()
    {
        var driver = With(100);
        var worker = driver.Worker();
        Admit(driver, "runs", 60);
        worker.Work(1);
        Admit(driver, "waits", 50);
        var held = worker.Work(5);
        Assert.Null(held.Answer);
        Admit(driver, "fits", 40);
        Assert.Equal(["fits"], Ids(held));
    }

    [Fact]
    public void Memory_kept_for_a_task_that_is_cancelled_goes_to_who_waits_at_once()
    {
        var driver = With(1_000);
        var worker = driver.Worker();
        Admit(driver, "runs", 700);
        worker.Work(1);
        Admit(driver, "big", 800);
        driver.AdmitMany(3, "light");
        worker.Work(3);
        Admit(driver, "small", 100);
        var held = worker.Work(5);
        Assert.Null(held.Answer);
        driver.Cancel("big");
        driver.Pass(TimeSpan.FromMilliseconds(10));
        Assert.Equal(["small"], Ids(held));
    }

    [Fact]
    public void A_worker_kept_free_for_a_task_that_is_cancelled_goes_on_at_once()
    {
        var (driver, worker, held) = Reserved();
        driver.Cancel("large");
        driver.Pass(TimeSpan.FromMilliseconds(10));
        Assert.Equal(["light1", "light2", "light3"], Ids(held).Order());
        Assert.Empty(worker.Work(0).Answer?.Leases ?? []);
    }

    [Fact]
    public void A_worker_that_has_become_too_small_is_kept_free_no_longer()
    {
        var (_, worker, _) = Reserved();
        worker.MemoryMb = 800;
        Assert.Equal(["light1", "light2", "light3"], Ids(worker.Work(5)).Order());
    }

    /// <summary>A worker that is kept free for the task "large", with a held call and three light tasks that wait.</summary>
    private static (CoreDriver Driver, CoreWorker Worker, ExchangeCall Held) Reserved()
    {
        var driver = new CoreDriver(new SchedulingOptions { SkipsBeforeReservation = 2 });
        var worker = driver.Worker();
        worker.MemoryMb = 1_000;
        Admit(driver, "half", 500);
        worker.Work(1);
        Admit(driver, "large", 900);
        driver.AdmitMany(4, "light");
        worker.Work(5);
        var held = worker.Work(5);
        Assert.Null(held.Answer);
        return (driver, worker, held);
    }

    private static CoreDriver With(int maxMemoryMb) => new(
        new SchedulingOptions { SkipsBeforeReservation = 2 }, tenants: new TenantsOptions { Overrides = { ["t"] = new TenantLimits { MaxMemoryMb = maxMemoryMb } } });

    private static void Admit(CoreDriver driver, string id, int memoryMb, string tenant = "t") => Assert.Equal(
        AdmitVerdict.Admitted, driver.Admit(id, tenant, $$$"""{"type":"crypto.hash","content":"x","resources":{"memory_mb":{{{memoryMb}}}}}""").Verdict);

    private static IEnumerable<string> Ids(ExchangeCall call) => call.Answer?.Leases.Select(l => l.AssignmentId) ?? [];

    private static long LeaseOf(CoreWorker worker, string id) => worker.Held.Values.Single(l => l.AssignmentId == id).Number;
}
