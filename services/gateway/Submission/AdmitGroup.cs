namespace Beamline.Gateway.Submission;

/// <summary>The assignments of one request on their way to the scheduler. Their parts may travel in several admissions, at the same time.</summary>
internal sealed class AdmitGroup(IReadOnlyList<PreparedTask> tasks, bool wait)
{
    private readonly AdmitAnswer?[] _answers = new AdmitAnswer?[tasks.Count];
    private readonly TaskCompletionSource<IReadOnlyList<AdmitAnswer>> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _open = tasks.Count;

    public IReadOnlyList<PreparedTask> Tasks => tasks;

    /// <summary>The client waits for the results.</summary>
    public bool Wait => wait;

    public Task<IReadOnlyList<AdmitAnswer>> Done => _done.Task;

    /// <summary>The first answer of a place counts; the last place completes the group.</summary>
    public void Answer(int index, AdmitAnswer answer)
    {
        if (Interlocked.CompareExchange(ref _answers[index], answer, null) is null && Interlocked.Decrement(ref _open) == 0)
        {
            _done.TrySetResult(_answers!);
        }
    }
}

/// <summary>A run of a group's assignments that travels in one piece.</summary>
internal readonly record struct AdmitSlice(AdmitGroup Group, int Start, int Count, int Bytes);
