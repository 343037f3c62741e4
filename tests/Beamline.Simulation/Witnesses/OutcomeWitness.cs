using Beamline.Scheduler.Core;

namespace Beamline.Simulation.Witnesses;

/// <summary>
/// Each task that was accepted ends once and nothing ends twice; an at_most_once step is run once at most; a success is told of a
/// step that the named worker has run to its end. At the end of the simulation nothing that was accepted is still open.
/// </summary>
internal sealed class OutcomeWitness : Witness
{
    private readonly Dictionary<string, SimTask> _accepted = new(StringComparer.Ordinal);
    private readonly Dictionary<string, TaskEnding> _endings = new(StringComparer.Ordinal);

    /// <summary>Tasks judged.</summary>
    public int Accepted => _accepted.Count;
    public int Succeeded { get; private set; }

    /// <summary>Steps that were run more than once, as they may be.</summary>
    public int RunAgain => _accepted.Values.Count(t => t.Runs > 1);

    public override void Enter(Simulation simulation) => simulation.WhenAccepted(task =>
    {
        if (!_accepted.TryAdd(task.Id, task))
        {
            Fail($"{task.Id} was accepted twice");
        }
    });

    public override void Ran(long now, SimTask task, string worker)
    {
        if (task.Plan.AtMostOnce && task.Runs > 1)
        {
            Fail($"the at_most_once step {task.Id} was started {task.Runs} times");
        }
    }

    public override void Ended(long now, TaskEnding ending)
    {
        if (!_endings.TryAdd(ending.Task.AssignmentId, ending))
        {
            Fail($"{ending.Task.AssignmentId} ended twice: {_endings[ending.Task.AssignmentId].Phase}, then {ending.Phase}");
        }
    }

    public override void Finish(long now)
    {
        foreach (var task in _accepted.Values)
        {
            if (!_endings.TryGetValue(task.Id, out var ending))
            {
                Fail($"{task.Id} was accepted and has not ended; it is {task.Phase?.ToString() ?? "unknown to the scheduler"}");
            }
            else if (ending.Phase == TaskPhase.Success)
            {
                Succeeded++;
                if (task.DoneBy?.Contains(ending.Worker!) != true)
                {
                    Fail($"{task.Id} is a success of {ending.Worker}, which has not run it to its end");
                }
            }
        }
    }
}
