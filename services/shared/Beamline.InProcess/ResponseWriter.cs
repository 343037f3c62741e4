using System.IO.Pipelines;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Beamline.InProcess;

/// <summary>The application's end of the response body: the first flush sends the headers.</summary>
internal sealed class ResponseWriter(Exchange exchange, PipeWriter pipe) : PipeWriter, IHttpResponseBodyFeature
{
    private Stream? _stream;
    private bool _completed;

    public Stream Stream => _stream ??= AsStream(leaveOpen: true);

    public PipeWriter Writer => this;

    public override bool CanGetUnflushedBytes => true;

    public override long UnflushedBytes => pipe.UnflushedBytes;

    public override void Advance(int bytes) => pipe.Advance(bytes);

    public override Memory<byte> GetMemory(int sizeHint = 0) => pipe.GetMemory(sizeHint);

    public override Span<byte> GetSpan(int sizeHint = 0) => pipe.GetSpan(sizeHint);

    public override void CancelPendingFlush() => pipe.CancelPendingFlush();

    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default) => exchange.HasStarted
        ? pipe.FlushAsync(cancellationToken)
        : StartAndFlushAsync(cancellationToken);

    public override async ValueTask<FlushResult> WriteAsync(ReadOnlyMemory<byte> source, CancellationToken cancellationToken = default)
    {
        await exchange.StartAsync().ConfigureAwait(false);
        return await pipe.WriteAsync(source, cancellationToken).ConfigureAwait(false);
    }

    // The body ends with the call, not before: middleware may still run.
    public override void Complete(Exception? exception = null) => _completed = true;

    public void DisableBuffering()
    {
    }

    public Task StartAsync(CancellationToken cancellationToken = default) => exchange.StartAsync().AsTask();

    public async Task CompleteAsync()
    {
        await exchange.StartAsync().ConfigureAwait(false);
        await FinishAsync(aborted: false).ConfigureAwait(false);
    }

    public Task SendFileAsync(string path, long offset, long? count, CancellationToken cancellationToken = default) =>
        SendFileFallback.SendFileAsync(Stream, path, offset, count, cancellationToken);

    /// <summary>Ends the body; an aborted one breaks off, so that nobody takes it for complete.</summary>
    public async ValueTask FinishAsync(bool aborted)
    {
        if (!_completed && pipe.UnflushedBytes > 0)
        {
            await pipe.FlushAsync().ConfigureAwait(false);
        }

        await pipe.CompleteAsync(aborted ? new IOException("The request was aborted.") : null).ConfigureAwait(false);
    }

    private async ValueTask<FlushResult> StartAndFlushAsync(CancellationToken cancellation)
    {
        await exchange.StartAsync().ConfigureAwait(false);
        return await pipe.FlushAsync(cancellation).ConfigureAwait(false);
    }
}
