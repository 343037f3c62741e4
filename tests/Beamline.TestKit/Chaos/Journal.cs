using System.Text.Json;
using System.Threading.Channels;

namespace Beamline.TestKit.Chaos;

/// <summary>
/// The witness's own log: a file of facts in the order in which they became known, a line each. Facts that wait together share
/// one <c>fsync</c>. It is what the <see cref="Judge"/> reads, so that the verdict rests on nothing that only memory knew.
/// </summary>
public sealed class Journal : IAsyncDisposable
{
    // Whoever notes faster than the disk writes waits here, which slows the load and loses nothing.
    private const int Waiting = 10_000;

    private readonly Channel<(Fact Fact, TaskCompletionSource? OnDisk)> _queue = Channel.CreateBounded<(Fact, TaskCompletionSource?)>(
        new BoundedChannelOptions(Waiting) { SingleReader = true });

    private readonly FileStream _file;
    private readonly TimeProvider _time;
    private readonly Task _writing;

    public Journal(string path, TimeProvider time)
    {
        Path = path;
        _time = time;
        _file = new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.Read);
        _writing = Task.Run(WriteAllAsync);
    }

    public string Path { get; }

    /// <summary>Returns when the fact is on the disk, and so may be acted upon.</summary>
    public async Task WriteAsync(Fact fact)
    {
        var onDisk = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await _queue.Writer.WriteAsync((Stamped(fact), onDisk));
        await onDisk.Task;
    }

    /// <summary>Returns when the fact will reach the disk: for what was seen, which needs no waiting.</summary>
    public ValueTask NoteAsync(Fact fact) => _queue.Writer.WriteAsync((Stamped(fact), null));

    /// <summary>Every fact of a journal, oldest first.</summary>
    public static IEnumerable<Fact> Read(string path) =>
        File.ReadLines(path).Select(line => JsonSerializer.Deserialize(line, FactJson.Default.Fact)!);

    /// <summary>Writes what was noted, and closes the file.</summary>
    public async ValueTask DisposeAsync()
    {
        _queue.Writer.TryComplete();
        await _writing;
        await _file.DisposeAsync();
    }

    private Fact Stamped(Fact fact) => fact with { At = _time.GetUtcNow().ToUnixTimeMilliseconds() };

    private async Task WriteAllAsync()
    {
        List<TaskCompletionSource> served = [];
        while (await _queue.Reader.WaitToReadAsync())
        {
            while (served.Count < Waiting && _queue.Reader.TryRead(out var next))
            {
                JsonSerializer.Serialize(_file, next.Fact, FactJson.Default.Fact);
                _file.WriteByte((byte)'\n');
                if (next.OnDisk is not null)
                {
                    served.Add(next.OnDisk);
                }
            }

            _file.Flush(flushToDisk: served.Count > 0);
            served.ForEach(onDisk => onDisk.SetResult());
            served.Clear();
        }

        _file.Flush(flushToDisk: true);
    }
}
