using Beamline.ExecutorHost.Blocks;
using Beamline.ExecutorHost.Leases;
using Beamline.Observability;

namespace Beamline.ExecutorHost.Running;

/// <summary>Shows a leased step to its block.</summary>
internal sealed class StepRequests(WorkerIdentity worker, WorkerOptions options, TimeProvider clock)
{
    private readonly bool _sandbox = !options.SandboxMode.Equals("off", StringComparison.OrdinalIgnoreCase);

    public static StepRequest Request(IBlockExecutor block, StepRun step)
    {
        var (lease, assignment) = (step.Lease, step.Lease.Assignment);
        return new StepRequest
        {
            Type = block.Type,
            Inputs = StepInputs.Of(assignment.Job),
            AssignmentId = assignment.AssignmentId,
            RequestId = assignment.RequestId,
            ProviderId = assignment.Executor.ProviderId,
            Endpoint = assignment.Executor.Endpoint,
            Resources = assignment.Job.Resources,
            DryRun = lease.Job.DryRun,
            MaxOutputBytes = lease.Job.MaxOutputBytes,
            TimeLeft = step.AttemptTimeLeft,
            Delivery = lease.Wire.Delivery,
            Replay = lease.Wire.Replay,
            Lease = lease.Number,
            RetriesUsed = lease.RetriesUsed,
        };
    }

    public BlockContext Context(StepRun step)
    {
        var assignment = step.Lease.Assignment;
        return new BlockContext
        {
            TenantId = assignment.TenantId,
            TraceId = assignment.TraceId,
            RunId = assignment.RunId,
            FlowId = assignment.FlowId,
            StepId = assignment.StepId,
            WorkerId = worker.Id,
            Sandbox = _sandbox,
            RbacScopes = step.Lease.Wire.Scopes ?? [],
            Clock = clock,
            Progress = step,
            ReadStopCause = step.ReadCause,
        };
    }

    public SpanIds SpanIds(HeldLease lease) => new(
        lease.Assignment.TenantId, lease.Assignment.TraceId, lease.Assignment.RunId, lease.Assignment.FlowId, lease.Assignment.StepId,
        lease.Job.Type, worker.Id);
}
