using System.Collections.Immutable;
using System.Globalization;

namespace Beamline.Sidecar.Bus;

/// <summary>A stream at run time. Counters belong to the bus's writer thread; <see cref="LastCommitted"/> may be read by all.</summary>
internal sealed class StreamState(int id, StreamOptions options, DedupWindow dedup)
{
    private readonly SubjectPattern[] _subjects = [.. options.Subjects.Select(subject => new SubjectPattern(subject))];
    private readonly SubjectPattern[] _except = [.. options.Except.Select(subject => new SubjectPattern(subject))];
    private long _lastCommitted;
    private ImmutableArray<Consumer> _consumers = [];

    public int Id => id;

    public StreamOptions Options => options;

    public DedupWindow Dedup => dedup;

    public string Table { get; } = string.Create(CultureInfo.InvariantCulture, $"stream_{id}");

    public long Last { get; set; }

    public long Messages { get; set; }

    public long Bytes { get; set; }

    /// <summary>Counters changed since the last commit.</summary>
    public bool Dirty { get; set; }

    public long LastCommitted
    {
        get => Volatile.Read(ref _lastCommitted);
        set => Volatile.Write(ref _lastCommitted, value);
    }

    public ImmutableArray<Consumer> Consumers => _consumers;

    public bool Holds(string subject) =>
        Array.Exists(_subjects, pattern => pattern.Matches(subject)) && !Array.Exists(_except, pattern => pattern.Matches(subject));

    public void Add(Consumer consumer) => ImmutableInterlocked.Update(ref _consumers, static (list, added) => list.Add(added), consumer);

    public void Remove(Consumer consumer) => ImmutableInterlocked.Update(ref _consumers, static (list, gone) => list.Remove(gone), consumer);
}
