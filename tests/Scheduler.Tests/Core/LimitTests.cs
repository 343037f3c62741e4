using Beamline.Contracts.Errors;
using Beamline.Contracts.Exchange;
using Beamline.Scheduler.Core;
using Beamline.Scheduler.Core.Tenants;

namespace Beamline.Scheduler.Tests.Core;

/// <summary>What a tenant and a concurrency key may have at a time, and what of it comes back when.</summary>
public sealed class LimitTests
{
    private const string Hash = """{"type":"crypto.hash","content":"x"}""";

    [Fact]
    public void A_tenant_runs_as_many_tasks_as_it_may_and_the_next_starts_when_one_ends()
    {
        var driver = With(new TenantLimits { MaxRunning = 2 });
        driver.AdmitMany(4);
        driver.AdmitMany(2, "other", "u");
        var worker = driver.Worker();
        Assert.Equal(["a0", "a1", "other0", "other1"], Ids(worker.Work(10)).Order());

        var report = worker.Report(10, CoreWorker.Ended(LeaseOf(worker, "a0")));
        Assert.Equal(["a2"], Ids(report));
    }

    [Fact]
    public void Limits_are_those_of_all_pools_together()
    {
        var driver = With(new TenantLimits { MaxRunning = 1 });
        driver.Admit("cpu");
        driver.Admit("io", job: """{"type":"http.request","url":"http://x/"}""");
        var cpu = driver.Worker();
        Assert.Single(cpu.Work(5).Answer!.Leases);
        var io = driver.Worker("io-1", pool: "io");
        var held = io.Work(5);
        Assert.Null(held.Answer);

        cpu.Report(5, CoreWorker.Ended(cpu.Held.Keys.Single()));
        Assert.Equal(["io"], held.Answer!.Leases.Select(l => l.AssignmentId));
    }

    [Fact]
    public void A_key_runs_as_many_as_it_may_and_stands_in_nobodys_way()
    {
        var driver = With(new TenantLimits { Keys = [new NamedKeyLimits { Key = "db", MaxRunning = 1 }] });
        for (var i = 0; i < 3; i++)
        {
            driver.Admit($"db{i}", job: """{"type":"crypto.hash","content":"x","concurrency_key":"db"}""");
        }

        driver.Admit("free");
        driver.Admit("elsewhere", job: """{"type":"crypto.hash","content":"x","concurrency_key":"api"}""");
        driver.Admit("theirs", tenant: "u", job: """{"type":"crypto.hash","content":"x","concurrency_key":"db"}""");
        var worker = driver.Worker();
        Assert.Equal(["db0", "elsewhere", "free", "theirs"], Ids(worker.Work(10)).Order());
        Assert.Equal(["db1"], Ids(worker.Report(10, CoreWorker.Ended(LeaseOf(worker, "db0")))));
    }

    [Fact]
    public void Every_key_has_the_limit_of_PerKey_unless_it_has_its_own()
    {
        var driver = With(new TenantLimits { PerKey = new KeyLimits { MaxRunning = 1 }, Keys = [new NamedKeyLimits { Key = "wide", MaxRunning = 0 }] });
        for (var i = 0; i < 2; i++)
        {
            driver.Admit($"k{i}", job: """{"type":"crypto.hash","content":"x","concurrency_key":"k"}""");
            driver.Admit($"w{i}", job: """{"type":"crypto.hash","content":"x","concurrency_key":"wide"}""");
        }

        Assert.Equal(["k0", "w0", "w1"], Ids(driver.Worker().Work(10)).Order());
    }

    [Fact]
    public void What_waits_for_a_retry_counts_in_no_limit()
    {
        var driver = With(new TenantLimits { MaxRunning = 1, PerKey = new KeyLimits { MaxRunning = 1 } });
        driver.Admit("first", job: """{"type":"crypto.hash","content":"x","concurrency_key":"k"}""");
        driver.Admit("second", job: """{"type":"crypto.hash","content":"x","concurrency_key":"k"}""");
        var worker = driver.Worker();
        worker.Work(10);
        Assert.Equal(["second"], Ids(worker.Report(10, CoreWorker.RetryAt(worker.Held.Keys.Single(), 60_000))));
        Assert.Equal(TaskPhase.Parked, driver.PhaseOf("first"));
    }

    [Theory]
    [InlineData("lost")]
    [InlineData("handed back")]
    [InlineData("new incarnation")]
    [InlineData("restart")]
    public void A_lease_that_ends_in_any_way_makes_room(string how)
    {
        var driver = With(new TenantLimits { MaxRunning = 1, PerKey = new KeyLimits { MaxRunning = 1 } });
        driver.Admit("one", job: """{"type":"crypto.hash","content":"x","concurrency_key":"k"}""");
        var worker = driver.Worker();
        worker.Work(1);
        driver.Admit("two", job: """{"type":"crypto.hash","content":"x","concurrency_key":"k"}""");
        switch (how)
        {
            case "lost":
                driver.Pass(TimeSpan.FromSeconds(16));
                break;
            case "handed back":
                worker.Report(0, CoreWorker.HandedBack(worker.Held.Keys.Single()));
                break;
            case "new incarnation":
                driver.Worker(incarnation: "i2").Work(0);
                break;
            default:
                driver.Crash(epoch: 2);
                var waiting = driver.Worker("w2").Work(1);
                Assert.Null(waiting.Answer);
                SchedulingCore.Abandon(waiting);
                driver.Pass(TimeSpan.FromSeconds(16));
                break;
        }

        // The one that came back goes first, and the other only after it.
        var next = driver.Worker("w3");
        Assert.Equal(["one"], Ids(next.Work(5)));
        Assert.Equal(["two"], Ids(next.Report(5, CoreWorker.Ended(next.Held.Keys.Single()))));
    }

    [Fact]
    public void Starts_are_spread_over_time()
    {
        var driver = With(new TenantLimits { StartsPerSecond = 2 });
        driver.AdmitMany(5);
        driver.AdmitMany(1, "other", "u");
        var worker = driver.Worker();
        Assert.Equal(3, worker.Work(10).Answer!.Leases.Count);
        var held = worker.Work(7);
        Assert.Null(held.Answer);
        driver.Pass(TimeSpan.FromMilliseconds(490));
        Assert.Null(held.Answer);
        driver.Pass(TimeSpan.FromMilliseconds(20));
        Assert.Equal(["a2"], held.Answer!.Leases.Select(l => l.AssignmentId));
    }

    [Fact]
    public void The_starts_of_a_key_are_spread_over_time_and_hold_up_nothing_else()
    {
        var driver = With(new TenantLimits { Keys = [new NamedKeyLimits { Key = "api", StartsPerSecond = 1 }] });
        driver.Admit("x0", job: """{"type":"crypto.hash","content":"x","concurrency_key":"api"}""");
        driver.Admit("x1", job: """{"type":"crypto.hash","content":"x","concurrency_key":"api"}""");
        driver.Admit("free");
        var worker = driver.Worker();
        Assert.Equal(["free", "x0"], Ids(worker.Work(10)).Order());
        var held = worker.Work(8);
        driver.Pass(TimeSpan.FromMilliseconds(1_010));
        Assert.Equal(["x1"], held.Answer!.Leases.Select(l => l.AssignmentId));
    }

    [Fact]
    public void Memory_of_running_tasks_is_bounded_and_small_tasks_go_on()
    {
        var driver = With(new TenantLimits { MaxMemoryMb = 1_000 }, new SchedulingOptions { SkipsBeforeReservation = 2 });
        driver.Admit("big0", job: """{"type":"crypto.hash","content":"x","resources":{"memory_mb":700}}""");
        var worker = driver.Worker();
        worker.Work(1);
        driver.Admit("big1", job: """{"type":"crypto.hash","content":"x","resources":{"memory_mb":700}}""");
        driver.Admit("small0", job: """{"type":"crypto.hash","content":"x","resources":{"memory_mb":100}}""");
        driver.Admit("small1", job: """{"type":"crypto.hash","content":"x","resources":{"memory_mb":100}}""");
        driver.Admit("small2", job: """{"type":"crypto.hash","content":"x","resources":{"memory_mb":100}}""");
        driver.Admit("light");
        Assert.Equal(["light", "small0", "small1"], Ids(worker.Work(10)).Order());

        // Passed over often enough: the memory is kept for it now, and only what declares none goes on.
        worker.Report(0, CoreWorker.Ended(LeaseOf(worker, "small0")));
        driver.Admit("light2");
        Assert.Equal(["light2"], Ids(worker.Work(10)));
        Assert.Equal(["big1", "small2"], Ids(worker.Report(10, CoreWorker.Ended(LeaseOf(worker, "big0")))).Order());
    }

    [Fact]
    public void A_workers_memory_is_never_overbooked_and_a_large_task_gets_one_to_itself_in_time()
    {
        var driver = new CoreDriver(new SchedulingOptions { SkipsBeforeReservation = 2 });
        var worker = driver.Worker();
        worker.MemoryMb = 1_000;
        driver.Admit("half", job: """{"type":"crypto.hash","content":"x","resources":{"memory_mb":500}}""");
        worker.Work(1);
        driver.Admit("large", job: """{"type":"crypto.hash","content":"x","resources":{"memory_mb":900}}""");
        driver.AdmitMany(4, "light");
        Assert.Equal(["light0"], Ids(worker.Work(5)));
        Assert.Null(worker.Work(5).Answer);
        worker.Report(0, CoreWorker.Ended(LeaseOf(worker, "light0")));
        Assert.Equal(["large", "light1", "light2", "light3"], Ids(worker.Report(5, CoreWorker.Ended(LeaseOf(worker, "half")))).Order());
    }

    [Fact]
    public void Tasks_on_their_last_delivery_are_dealt_to_one_worker_one_at_a_time_and_others_go_on()
    {
        var driver = new CoreDriver();
        driver.AdmitMany(3);
        for (var incarnation = 1; incarnation <= 2; incarnation++)
        {
            Assert.Equal(3, driver.Worker("doomed", $"i{incarnation}").Work(3).Answer!.Leases.Count);
        }

        // The worker has died twice with all three in hand.
        driver.Worker("doomed", "i3").Work(0);
        driver.Admit("fresh");
        var worker = driver.Worker();
        Assert.Equal(["a0", "fresh"], Ids(worker.Work(5)).Order());
        Assert.Equal(["a1"], Ids(worker.Report(5, CoreWorker.Ended(LeaseOf(worker, "a0")))));
        Assert.Equal(["a2"], Ids(driver.Worker("w2").Work(5)));
    }

    [Fact]
    public void What_needs_more_memory_than_any_worker_has_waits_and_says_so_at_its_end()
    {
        var driver = new CoreDriver();
        var worker = driver.Worker();
        worker.MemoryMb = 100;
        driver.Admit("huge", job: """{"type":"crypto.hash","content":"x","queue_timeout_ms":4000,"resources":{"memory_mb":900}}""");
        driver.AdmitMany(40);
        Assert.Equal(40, worker.Work(100).Answer!.Leases.Count);
        driver.Pass(TimeSpan.FromSeconds(5));
        Assert.Contains("no_executor", System.Text.Encoding.UTF8.GetString(driver.EndingOf("huge").Step.ErrorDetails!.Value.Utf8.Span), StringComparison.Ordinal);
    }

    [Fact]
    public void Cpu_time_of_the_window_used_up_holds_the_tenant_until_the_window_has_moved_on_and_survives_a_restart()
    {
        var driver = new CoreDriver(tenants: new TenantsOptions { CpuWindow = TimeSpan.FromMinutes(1), Default = { CpuTimePerWindow = TimeSpan.FromSeconds(1) } });
        driver.AdmitMany(3);
        var worker = driver.Worker();
        worker.Work(1);
        driver.Pass(TimeSpan.FromSeconds(2));
        Assert.Empty(Ids(worker.Report(5, CoreWorker.Ended(worker.Held.Keys.Single(), CoreDriver.Ok() with { Metrics = new() { CpuTimeMs = 1_500 } }))));
        driver.Crash(epoch: 2);
        var second = driver.Worker("w2");
        Assert.Null(second.Work(5).Answer);
        driver.Pass(TimeSpan.FromSeconds(50));
        var held = second.Work(5);
        Assert.Null(held.Answer);
        driver.Pass(TimeSpan.FromSeconds(16));
        Assert.Equal(["a1", "a2"], Ids(held).Order());
    }

    [Theory]
    [InlineData(QuotaLimits.Queued)]
    [InlineData(QuotaLimits.Rate)]
    [InlineData(QuotaLimits.PayloadBytes)]
    [InlineData(QuotaLimits.Memory)]
    public void What_is_over_a_quota_is_refused_at_once_by_name_and_harms_no_other_tenant(string limit)
    {
        var size = CoreDriver.Candidate("a0").Draft.Bytes.Length;
        var driver = With(limit switch
        {
            QuotaLimits.Queued => new TenantLimits { MaxQueued = 2 },
            QuotaLimits.Rate => new TenantLimits { AdmitPerSecond = 2, AdmitBurst = 2 },
            QuotaLimits.PayloadBytes => new TenantLimits { MaxPayloadBytes = 2 * size },
            _ => new TenantLimits { MaxMemoryMb = 64 },
        });
        driver.AdmitMany(2);
        var refused = driver.Admit("b0", job: limit == QuotaLimits.Memory ? """{"type":"crypto.hash","content":"x","resources":{"memory_mb":65}}""" : Hash);
        Assert.Equal((AdmitVerdict.Quota, limit), (refused.Verdict, refused.Limit));
        Assert.Equal(limit == QuotaLimits.Memory, refused.RetryAfterMs is null);
        Assert.Equal(AdmitVerdict.Duplicate, driver.Admit("a0").Verdict);
        Assert.Equal(AdmitVerdict.Admitted, driver.Admit("a0", tenant: "u").Verdict);
        driver.Pass(TimeSpan.FromSeconds(1));
        Assert.Equal(limit == QuotaLimits.Rate ? AdmitVerdict.Admitted : AdmitVerdict.Quota, driver.Admit("b0", job: limit == QuotaLimits.Memory ? """{"type":"crypto.hash","content":"x","resources":{"memory_mb":65}}""" : Hash).Verdict);
    }

    [Fact]
    public void An_assignment_that_alone_is_over_the_payload_quota_is_not_told_to_come_back()
    {
        var size = CoreDriver.Candidate("a0").Draft.Bytes.Length;
        var refused = With(new TenantLimits { MaxPayloadBytes = size - 1 }).Admit("a0");
        Assert.Equal((AdmitVerdict.Quota, QuotaLimits.PayloadBytes, null), (refused.Verdict, refused.Limit, refused.RetryAfterMs));
    }

    [Fact]
    public void Running_tasks_leave_the_queue_quota_free()
    {
        var driver = With(new TenantLimits { MaxQueued = 2 });
        driver.AdmitMany(2);
        driver.Worker().Work(2);
        Assert.Equal(AdmitVerdict.Admitted, driver.Admit("b").Verdict);
    }

    [Fact]
    public void A_flood_cannot_take_the_last_of_the_schedulers_room()
    {
        var driver = new CoreDriver(new SchedulingOptions { MaxOpenTasks = 100 });
        driver.Admit("early", tenant: "quiet");
        var taken = Enumerable.Range(0, 200).Count(i => driver.Admit($"f{i}", tenant: "flood").Verdict == AdmitVerdict.Admitted);
        Assert.Equal(79, taken);
        for (var i = 0; i < 10; i++)
        {
            Assert.Equal(AdmitVerdict.Admitted, driver.Admit($"q{i}", tenant: "quiet").Verdict);
        }
    }

    [Fact]
    public void What_cannot_start_before_it_expires_is_refused_with_that_reason()
    {
        var driver = new CoreDriver();
        driver.Admit("measured");
        var worker = driver.Worker();
        worker.Work(1);
        driver.Pass(TimeSpan.FromSeconds(10));
        driver.AdmitMany(100);
        worker.Report(1, new LeaseReport { Lease = worker.Held.Keys.First(), Kind = ReportKinds.Ended, Result = CoreDriver.Ok(), RanMs = 10_000 });

        var late = driver.Admit("late", more: $"\"expires_at\":{driver.Now + 60_000},");
        Assert.Equal((AdmitVerdict.Overload, "expired"), (late.Verdict, late.Limit));
        Assert.Equal(AdmitVerdict.Admitted, driver.Admit("patient", more: $"\"expires_at\":{driver.Now + 3_600_000},").Verdict);
        Assert.Equal(AdmitVerdict.Admitted, driver.Admit("other", tenant: "u", more: $"\"expires_at\":{driver.Now + 60_000},").Verdict);
    }

    [Fact]
    public void What_ran_before_a_restart_is_no_start_after_it()
    {
        var driver = With(new TenantLimits { StartsPerSecond = 5 });
        var worker = driver.Worker();
        for (var second = 0; second < 4; second++)
        {
            driver.AdmitMany(5, $"s{second}-");
            worker.Work(5);
            driver.Pass(TimeSpan.FromSeconds(1));
        }

        driver.Crash(epoch: 2);
        driver.Admit("next");
        Assert.Equal(["next"], Ids(driver.Worker("w2").Work(1)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void What_would_start_at_once_is_not_refused_for_the_others_that_wait(bool isUrgent)
    {
        var driver = With(new TenantLimits { Keys = [new NamedKeyLimits { Key = "slow", MaxRunning = 1 }] });
        driver.Admit("measured");
        var worker = driver.Worker();
        worker.Work(1);
        driver.Pass(TimeSpan.FromSeconds(10));
        for (var i = 0; i < 100; i++)
        {
            driver.Admit($"a{i}", job: isUrgent ? Hash : """{"type":"crypto.hash","content":"x","concurrency_key":"slow"}""");
        }

        worker.Report(1, new LeaseReport { Lease = worker.Held.Keys.First(), Kind = ReportKinds.Ended, Result = CoreDriver.Ok(), RanMs = 10_000 });
        Assert.Equal(AdmitVerdict.Admitted, driver.Admit("now", more: $"\"expires_at\":{driver.Now + 60_000},{(isUrgent ? "\"priority\":9," : "")}").Verdict);
    }

    private static CoreDriver With(TenantLimits limits, SchedulingOptions? options = null) =>
        new(options, tenants: new TenantsOptions { Overrides = { ["t"] = limits } });

    private static IEnumerable<string> Ids(ExchangeCall call) => call.Answer!.Leases.Select(l => l.AssignmentId);

    private static long LeaseOf(CoreWorker worker, string id) => worker.Held.Values.Single(l => l.AssignmentId == id).Number;
}
