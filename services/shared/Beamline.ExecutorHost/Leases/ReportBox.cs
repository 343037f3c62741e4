using Beamline.Contracts;
using Beamline.Contracts.Exchange;

namespace Beamline.ExecutorHost.Leases;

/// <summary>
/// What is to be told to the scheduler on the report channel, and how much of it. Guarded by the lock of <see cref="LeaseBook"/>,
/// which owns it. Ended leases stay counted until they are accepted or refused.
/// </summary>
internal sealed class ReportBox(int maxCount, long maxBytes, Signal wanted)
{
    // A call carries at most this many bytes of reports; the rest follows with the next one.
    private const int CallBytes = WireLimits.MaxBatchBytes - 256 * 1024;

    // More "retrying" notes than this wait only while the scheduler is away; the oldest are worth the least.
    private const int MaxNotes = 256;

    private readonly Queue<HeldLease> _reports = [];
    private readonly Queue<LeaseProgress> _notes = [];
    private readonly List<HeldLease> _progress = [];
    private readonly List<long> _starts = [];
    private int _count;
    private long _bytes;

    /// <summary>True when so much waits that no more work may be taken.</summary>
    public bool IsFull => _count >= maxCount || _bytes >= maxBytes;

    public int Count => _count;

    public bool HasSomething => _reports.Count > 0 || _starts.Count > 0 || _notes.Count > 0 || _progress.Count > 0;

    public void Add(HeldLease lease)
    {
        _count++;
        _bytes += lease.ReportBytes;
        _reports.Enqueue(lease);
        wanted.Set();
    }

    /// <summary>The scheduler has taken the report, or wants none.</summary>
    public void Forget(HeldLease lease)
    {
        _count--;
        _bytes -= lease.ReportBytes;
    }

    public void AddStart(long lease)
    {
        _starts.Add(lease);
        wanted.Set();
    }

    public void AddNote(LeaseProgress note)
    {
        if (_notes.Count == MaxNotes)
        {
            _notes.Dequeue();
        }

        _notes.Enqueue(note);
    }

    /// <summary>Keeps only the latest untold progress of a lease.</summary>
    public void SetProgress(HeldLease lease, LeaseProgress progress)
    {
        if (lease.Progress is null)
        {
            _progress.Add(lease);
        }

        lease.Progress = progress;
    }

    public IReadOnlyList<HeldLease>? TakeReports()
    {
        List<HeldLease>? taken = null;
        var bytes = 0;
        while (_reports.TryPeek(out var next) && (bytes == 0 || bytes + next.ReportBytes <= CallBytes))
        {
            _reports.Dequeue();
            if (next.Phase == LeasePhase.Ended)
            {
                bytes += next.ReportBytes;
                (taken ??= []).Add(next);
            }
        }

        return taken;
    }

    public IReadOnlyList<LeaseStart>? TakeStarts()
    {
        if (_starts.Count == 0)
        {
            return null;
        }

        LeaseStart[] taken = [.. _starts.Select(lease => new LeaseStart(lease))];
        _starts.Clear();
        return taken;
    }

    public IReadOnlyList<LeaseProgress>? TakeProgress()
    {
        if (_notes.Count == 0 && _progress.Count == 0)
        {
            return null;
        }

        var taken = new List<LeaseProgress>(_notes);
        foreach (var lease in _progress)
        {
            taken.Add(lease.Progress!);
            lease.Progress = null;
        }

        _notes.Clear();
        _progress.Clear();
        return taken;
    }

    /// <summary>Tells them again: the call that carried them had no answer, or the answer did not mention them.</summary>
    public void PutBack(HeldLease lease) => _reports.Enqueue(lease);

    /// <inheritdoc cref="PutBack(HeldLease)"/>
    public void PutBack(LeaseStart start) => _starts.Add(start.Lease);
}
