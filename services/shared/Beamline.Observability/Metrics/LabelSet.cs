namespace Beamline.Observability;

/// <summary>The labels of a recorded value in the order in which they came; looked up by span, so that recording does not allocate.</summary>
internal sealed record LabelSet(KeyValuePair<string, object?>[] Labels);

internal sealed class LabelSetComparer : IEqualityComparer<LabelSet>, IAlternateEqualityComparer<ReadOnlySpan<KeyValuePair<string, object?>>, LabelSet>
{
    public static readonly LabelSetComparer Instance = new();

    public bool Equals(LabelSet? left, LabelSet? right) => Equals(left!.Labels, right!);

    public int GetHashCode(LabelSet set) => GetHashCode(set.Labels);

    public LabelSet Create(ReadOnlySpan<KeyValuePair<string, object?>> labels) => new(labels.ToArray());

    public bool Equals(ReadOnlySpan<KeyValuePair<string, object?>> labels, LabelSet other)
    {
        if (labels.Length != other.Labels.Length)
        {
            return false;
        }

        for (var i = 0; i < labels.Length; i++)
        {
            var (mine, theirs) = (labels[i], other.Labels[i]);
            if (!string.Equals(mine.Key, theirs.Key, StringComparison.Ordinal) || !Equals(mine.Value, theirs.Value))
            {
                return false;
            }
        }

        return true;
    }

    public int GetHashCode(ReadOnlySpan<KeyValuePair<string, object?>> labels)
    {
        var hash = new HashCode();
        foreach (var (_, value) in labels)
        {
            hash.Add(value);
        }

        return hash.ToHashCode();
    }
}
