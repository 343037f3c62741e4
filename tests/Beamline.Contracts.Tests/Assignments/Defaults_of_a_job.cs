using Beamline.Contracts.Assignments;
using Beamline.Contracts.Tests.Golden;

namespace Beamline.Contracts.Tests.Assignments;

public sealed class Defaults_of_a_job
{
    [Fact]
    public void What_is_left_out_has_the_contracts_default()
    {
        var job = JobDefaults.For(With(new Job { Type = "fs.put" }));

        Assert.Equal(
            new EffectiveJob
            {
                Type = "fs.blob_put", Pool = "io", Priority = 5, TimeoutMs = 30_000, AttemptTimeoutMs = null, QueueTimeoutMs = 600_000, MaxRetries = 2,
                BackoffMs = 100, Concurrency = 1, MaxOutputBytes = 262_144, AtMostOnce = false, DryRun = false, Attempt = 1, MemoryMb = null,
                CpuTimeMs = null, GpuMemoryMb = null, ConcurrencyKey = null, EstimatedCostMs = 5,
            },
            job);
    }

    [Fact]
    public void What_is_given_counts()
    {
        var job = JobDefaults.For(Steps.Assignment());

        Assert.Equal((5000L, 2000L, 2, 100L, 64, 1000L), (job.TimeoutMs, job.AttemptTimeoutMs, job.MaxRetries, job.BackoffMs, job.MemoryMb, job.CpuTimeMs));
    }

    [Fact]
    public void At_most_once_is_not_retried_unless_told() =>
        Assert.Equal((0, 3), (
            JobDefaults.For(With(new Job { Type = "crypto.hash", Redelivery = "at_most_once" })).MaxRetries,
            JobDefaults.For(With(new Job { Type = "crypto.hash", Redelivery = "at_most_once", Retry = new() { MaxRetries = 3 } })).MaxRetries));

    [Fact]
    public void Retry_wins_over_its_older_name_and_backoff_is_capped()
    {
        var job = JobDefaults.For(With(new Job { Type = "crypto.hash", RetryConfig = new() { MaxRetries = 9 }, Retry = new() { BackoffMs = 60_000 } }));

        Assert.Equal((2, 30_000L), (job.MaxRetries, job.BackoffMs));
        Assert.Equal(9, JobDefaults.For(With(new Job { Type = "crypto.hash", RetryConfig = new() { MaxRetries = 9 } })).MaxRetries);
    }

    [Fact]
    public void An_approval_waits_a_day_and_needs_no_pool()
    {
        var job = JobDefaults.For(With(new Job { Type = "human.approval" }));

        Assert.Equal((86_400_000L, null), (job.TimeoutMs, job.Pool));
    }

    [Fact]
    public void Every_type_has_a_pool_it_may_run_on() =>
        Assert.All(BlockTypes.All, block =>
        {
            Assert.True(block.DefaultPool is null || block.AllowedPools.Contains(block.DefaultPool));
            Assert.NotNull(BlockTypes.Find(block.Canonical));
        });

    private static ExecAssignment With(Job job) => Steps.Assignment() with { Job = job, Priority = null, Attempt = null };
}
