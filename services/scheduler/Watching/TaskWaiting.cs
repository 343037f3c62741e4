using Beamline.Contracts;
using Beamline.Contracts.Tasks;
using Beamline.Scheduler.Ledger;
using Beamline.Scheduler.Reading;
using Microsoft.Extensions.Options;

namespace Beamline.Scheduler.Watching;

/// <summary>
/// tasks/wait: registers interest first and looks second, so that a task which ends in between is told on the stream; it may
/// then be told twice, never not at all.
/// </summary>
internal sealed class TaskWaiting(WatchHub hub, LedgerReader ledger, IOptions<WatchOptions> options)
{
    // Reads are cut so that a question about thousands of tasks does not keep a connection from the others.
    private const int KeysPerRead = 500;

    /// <summary>Null when there are too many keys or too many watchers.</summary>
    public async Task<WaitTasksResponse?> WaitAsync(WaitTasksRequest request, CancellationToken ct)
    {
        if (request.Tasks.Count > options.Value.KeysPerCall || !hub.Await(request.Watcher, request.Tasks))
        {
            return null;
        }

        var ended = new List<TaskEnded>();
        var unknown = new List<TaskKey>();
        var bytes = 0L;
        foreach (var keys in request.Tasks.Chunk(KeysPerRead))
        {
            var results = await ledger.ResultsAsync(keys, ct).ConfigureAwait(false);
            var overflow = new List<TaskEnded>();
            for (var i = 0; i < keys.Length; i++)
            {
                switch (results[i])
                {
                    case null:
                        unknown.Add(keys[i]);
                        break;
                    case { IsEmpty: false } result:
                        bytes += result.Length;
                        // An answer stays within the bound of every batch; what is beyond it goes over the stream.
                        (bytes <= WireLimits.MaxBatchBytes || ended.Count == 0 ? ended : overflow)
                            .Add(new TaskEnded { TenantId = keys[i].TenantId, AssignmentId = keys[i].AssignmentId, Result = result });
                        break;
                }
            }

            overflow.ForEach(each => hub.Deliver(request.Watcher, each));
            hub.Forget(request.Watcher, overflow);
        }

        hub.Forget(request.Watcher, ended);
        return new WaitTasksResponse { Ended = ended, Unknown = unknown };
    }
}
