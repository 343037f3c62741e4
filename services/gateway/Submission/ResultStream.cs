using System.Buffers;
using System.Text.Json;
using Beamline.Contracts.Json;
using Beamline.Gateway.Waiting;

namespace Beamline.Gateway.Submission;

/// <summary>
/// Writes a batch's answer as NDJSON: first what was not accepted, then each result as it ends, and when the time is over a line
/// for each task that has not ended. Every task gets one line.
/// </summary>
internal sealed class ResultStream(HttpContext context, Batch batch) : IDisposable
{
    private readonly Utf8JsonWriter _json = new(context.Response.BodyWriter, new JsonWriterOptions { SkipValidation = true });
    private readonly HashSet<int> _open = [];

    /// <param name="wait">Its places are those of the valid tasks.</param>
    /// <param name="end">The end of the wait.</param>
    public async Task WriteAsync(ResultWait wait, CancellationToken end)
    {
        context.Response.ContentType = "application/x-ndjson";
        WriteDecided();
        await FlushAsync();
        while (_open.Count > 0 && await wait.NextAsync(end) is { } ended)
        {
            WriteEnded(ended);
            while (wait.Ended.TryRead(out var next))
            {
                WriteEnded(next);
            }

            await FlushAsync();
        }

        foreach (var place in _open.Order())
        {
            Write(batch.Items[place]!);
        }

        await FlushAsync();
    }

    public void Dispose() => _json.Dispose();

    private void WriteDecided()
    {
        foreach (var item in batch.Items)
        {
            if (item!.Status == StatusCodes.Status202Accepted)
            {
                _open.Add(item.Index);
            }
            else
            {
                Write(item);
            }
        }
    }

    private void WriteEnded(EndedTask ended)
    {
        var place = batch.PlaceOf(ended.Index);
        if (_open.Remove(place))
        {
            Write(batch.Items[place]! with { Status = StatusCodes.Status200OK, State = null, Result = ended.Result });
        }
    }

    private void Write(BatchItem item)
    {
        _json.Reset();
        JsonSerializer.Serialize(_json, item.Result is { } result ? item with { Result = result.OnOneLine() } : item, GatewayJson.Default.BatchItem);
        _json.Flush();
        context.Response.BodyWriter.Write("\n"u8);
    }

    private ValueTask<System.IO.Pipelines.FlushResult> FlushAsync() => context.Response.BodyWriter.FlushAsync(context.RequestAborted);
}
