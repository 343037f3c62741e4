namespace Beamline.Scheduler.Core.Fairness;

/// <summary>Tasks whose turn it was and that did not fit, in one choice. Owned by a pool's queue and used again each time.</summary>
internal sealed class PassedOver
{
    private readonly List<KeyGroup> _groups = [];
    private int _from;

    public int Count => _groups.Count;

    public TaskEntry this[int index] => _groups[index].First!;

    public void Clear()
    {
        _groups.Clear();
        _from = 0;
    }

    public void Add(KeyGroup group) => _groups.Add(group);

    /// <summary>Of what the tenant just asked added, only what stood before its choice has been passed over.</summary>
    public void KeepBefore(KeyGroup? chosen)
    {
        for (var i = _groups.Count - 1; i >= _from; i--)
        {
            if (chosen is not null && chosen.IsBefore(_groups[i]))
            {
                _groups.RemoveAt(i);
            }
        }

        _from = _groups.Count;
    }
}
