using System.Buffers;
using System.Collections.Concurrent;
using Serilog.Core;
using Serilog.Events;
using Serilog.Parsing;

namespace Beamline.Observability;

/// <summary>
/// Hands events to one writing thread, so that no caller ever waits for stdout. The queue holds 8,192 events; when it is full
/// (stdout is blocked: a full pipe, a stopped terminal) new events are dropped and counted, and a line with the count follows
/// as soon as writing goes on. Losing log lines was chosen over stopping tasks.
/// </summary>
internal sealed class JsonLogSink : ILogEventSink, IDisposable
{
    private const int QueueLength = 8192;
    private const int WriteSize = 64 * 1024;
    private static readonly TimeSpan FlushLimit = TimeSpan.FromSeconds(2);
    private static readonly MessageTemplate DroppedTemplate = new MessageTemplateParser().Parse("Dropped {Dropped} log events: stdout was blocked");

    // Guards the stream: several services of one process share stdout, and lines must not mix.
    private static readonly Lock StreamLock = new();

    private readonly BlockingCollection<LogEvent> _queue = new(QueueLength);
    private readonly ArrayBufferWriter<byte> _buffer = new(WriteSize);
    private readonly JsonLogFormatter _formatter;
    private readonly Stream _output;
    private readonly TimeProvider _time;
    private readonly Thread _writer;
    private long _dropped;

    public JsonLogSink(JsonLogFormatter formatter, Stream output, TimeProvider time)
    {
        (_formatter, _output, _time) = (formatter, output, time);
        _writer = new Thread(WriteAll) { IsBackground = true, Name = "log-writer" };
        _writer.Start();
    }

    public void Emit(LogEvent logEvent)
    {
        try
        {
            if (!_queue.TryAdd(logEvent))
            {
                Interlocked.Increment(ref _dropped);
            }
        }
        catch (InvalidOperationException)
        {
            // Logged after the end of logging, by something that outlives the container.
        }
    }

    /// <summary>Writes what is queued, for two seconds at most.</summary>
    public void Dispose()
    {
        _queue.CompleteAdding();
        _writer.Join(FlushLimit);
    }

    private void WriteAll()
    {
        try
        {
            foreach (var logEvent in _queue.GetConsumingEnumerable())
            {
                Format(logEvent);
                if (_queue.Count == 0 || _buffer.WrittenCount >= WriteSize)
                {
                    Flush();
                }
            }

            Flush();
        }
        catch (Exception gone) when (gone is IOException or ObjectDisposedException)
        {
            // stdout was closed by whoever read it; the process lives on without logs.
            foreach (var _ in _queue.GetConsumingEnumerable())
            {
                Interlocked.Increment(ref _dropped);
            }
        }
    }

    private void Format(LogEvent logEvent)
    {
        var before = _buffer.WrittenCount;
        try
        {
            _formatter.Format(logEvent, _buffer);
        }
        catch (Exception unwritable) when (unwritable is not OutOfMemoryException)
        {
            // One value whose ToString throws must not end logging. What was begun of its line is closed by the line end.
            if (_buffer.WrittenCount > before)
            {
                _buffer.Write("\n"u8);
            }

            Interlocked.Increment(ref _dropped);
        }
    }

    private void Flush()
    {
        if (Interlocked.Exchange(ref _dropped, 0) is var dropped and > 0)
        {
            Format(new LogEvent(
                _time.GetUtcNow(), LogEventLevel.Warning, null, DroppedTemplate,
                [new LogEventProperty("Dropped", new ScalarValue(dropped))]));
        }

        lock (StreamLock)
        {
            _output.Write(_buffer.WrittenSpan);
            _output.Flush();
        }

        _buffer.ResetWrittenCount();
    }
}
