using System.IO.Pipelines;
using System.Net;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Primitives;

namespace Beamline.InProcess;

/// <summary>
/// One call: the features that the application sees, and the response that the caller gets.
/// <code>
/// caller ── HttpRequestMessage ──▶ request body (the content's own stream, or a pipe) ──▶ application
/// caller ◀── HttpResponseMessage ◀── pipe ◀── ResponseWriter ◀───────────────────────────── application
/// </code>
/// </summary>
#pragma warning disable CA1001 // A source without a timer holds nothing to dispose, and both sides may still ask it after the end.
internal sealed class Exchange : IThreadPoolWorkItem, IHttpRequestFeature, IHttpResponseFeature, IHttpRequestLifetimeFeature,
    IHttpRequestBodyDetectionFeature, IHttpConnectionFeature
#pragma warning restore CA1001
{
    // A writer that is this far ahead of its reader waits for it.
    private static readonly PipeOptions Bounded = new(pauseWriterThreshold: 64 * 1024, resumeWriterThreshold: 32 * 1024, useSynchronizationContext: false);

    private readonly HttpRequestMessage _message;
    private readonly InProcessServer? _server;
    private readonly Func<IFeatureCollection, Task> _application;
    private readonly TaskCompletionSource<HttpResponseMessage> _response = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _aborted = new();
    private readonly Pipe _body = new(Bounded);
    private readonly ResponseWriter _writer;
    private CancellationTokenRegistration _serverAborted;
    private Pipe? _requestPipe;
    private List<(Func<object, Task> Callback, object State)>? _onStarting;
    private List<(Func<object, Task> Callback, object State)>? _onCompleted;
    private volatile bool _finished;

    public Exchange(HttpRequestMessage message, InProcessServer? server, Func<IFeatureCollection, Task> application)
    {
        _message = message;
        _server = server;
        _application = application;
        _writer = new ResponseWriter(this, _body.Writer);
        RequestAborted = _aborted.Token;
        var uri = message.RequestUri ?? throw new InvalidOperationException("A request needs an absolute URI.");
        Scheme = uri.Scheme;
        Method = message.Method.Method;
        Protocol = "HTTP/1.1";
        PathBase = "";
        RawTarget = uri.PathAndQuery;
        Path = PathString.FromUriComponent(uri.AbsolutePath).Value ?? "/";
        QueryString = uri.Query;
        CopyRequestHeaders(message, uri);
    }

    public string Protocol { get; set; }

    public string Scheme { get; set; }

    public string Method { get; set; }

    public string PathBase { get; set; }

    public string Path { get; set; }

    public string QueryString { get; set; }

    public string RawTarget { get; set; }

    IHeaderDictionary IHttpRequestFeature.Headers { get; set; } = new HeaderDictionary();

    Stream IHttpRequestFeature.Body { get; set; } = Stream.Null;

    public bool CanHaveBody => _message.Content is not null;

    public int StatusCode { get; set; } = StatusCodes.Status200OK;

    public string? ReasonPhrase { get; set; }

    IHeaderDictionary IHttpResponseFeature.Headers { get; set; } = new HeaderDictionary();

    [Obsolete("Use IHttpResponseBodyFeature; kept because the interface has it.")]
    Stream IHttpResponseFeature.Body { get; set; } = Stream.Null;

    public bool HasStarted { get; private set; }

    public CancellationToken RequestAborted { get; set; }

    public string ConnectionId { get; set; } = "in-process";

    public IPAddress? RemoteIpAddress { get; set; } = IPAddress.Loopback;

    public IPAddress? LocalIpAddress { get; set; } = IPAddress.Loopback;

    public int RemotePort { get; set; }

    public int LocalPort { get; set; }

    private IHttpRequestFeature Request => this;

    /// <summary>
    /// Contents that hold their bytes or a stream are read where they lie; one that only knows how to write itself gets a pipe.
    /// </summary>
    public async ValueTask OpenRequestBodyAsync(CancellationToken cancellation)
    {
        switch (_message.Content)
        {
            case null:
                break;
            case ByteArrayContent or ReadOnlyMemoryContent or StreamContent:
                Request.Body = await _message.Content.ReadAsStreamAsync(cancellation).ConfigureAwait(false);
                break;
            default:
                _requestPipe = new Pipe(Bounded);
                Request.Body = _requestPipe.Reader.AsStream();
                break;
        }
    }

    public async Task<HttpResponseMessage> ResponseAsync(CancellationToken cancellation)
    {
        using var registration = cancellation.UnsafeRegister(static (state, token) =>
        {
            var exchange = (Exchange)state!;
            if (exchange._response.TrySetCanceled(token))
            {
                exchange.Abort();
            }
        }, this);
        return await _response.Task.ConfigureAwait(false);
    }

    /// <summary>The pool's entry: runs the call to its end; nothing escapes.</summary>
    public void Execute() => _ = RunAsync();

    public void OnStarting(Func<object, Task> callback, object state) => (_onStarting ??= []).Add((callback, state));

    public void OnCompleted(Func<object, Task> callback, object state) => (_onCompleted ??= []).Add((callback, state));

    /// <summary>The caller has gone, or the application gave up: both sides learn it.</summary>
    public void Abort()
    {
        if (!_finished)
        {
            _body.Writer.CancelPendingFlush();
            ThreadPool.UnsafeQueueUserWorkItem(static source => Cancel(source), _aborted, preferLocal: true);
        }
    }

    /// <summary>Fixes status and headers and hands the response to the caller, once.</summary>
    public async ValueTask StartAsync()
    {
        if (HasStarted)
        {
            return;
        }

        for (var index = (_onStarting?.Count ?? 0) - 1; index >= 0; index--)
        {
            var (callback, state) = _onStarting![index];
            await callback(state).ConfigureAwait(false);
        }

        HasStarted = true;
        var response = new HttpResponseMessage((HttpStatusCode)StatusCode)
        {
            ReasonPhrase = ReasonPhrase, RequestMessage = _message, Content = new StreamContent(new ResponseStream(this, _body.Reader)),
        };
        foreach (var (name, values) in ((IHttpResponseFeature)this).Headers)
        {
            if (!response.Headers.TryAddWithoutValidation(name, (IEnumerable<string?>)values))
            {
                response.Content.Headers.TryAddWithoutValidation(name, (IEnumerable<string?>)values);
            }
        }

        if (!_response.TrySetResult(response))
        {
            response.Dispose();
        }
    }

    /// <summary>The reader is done with the body, at its end or before it.</summary>
    public void ReaderGone()
    {
        _body.Reader.Complete();
        Abort();
    }

    private static void Cancel(CancellationTokenSource source)
    {
        try
        {
            source.Cancel();
        }
        catch (AggregateException)
        {
            // A callback of the application failed: not the caller's fault, and the others have run.
        }
    }

    private void CopyRequestHeaders(HttpRequestMessage message, Uri uri)
    {
        var headers = Request.Headers;
        foreach (var (name, values) in message.Headers.NonValidated)
        {
            headers[name] = values.Count == 1 || name == "User-Agent" ? new StringValues(values.ToString()) : new StringValues([.. values]);
        }

        if (!headers.ContainsKey("Host"))
        {
            headers.Host = uri.Authority;
        }

        if (message.Content is { } content)
        {
            foreach (var (name, values) in content.Headers.NonValidated)
            {
                headers[name] = values.ToString();
            }

            headers.ContentLength = content.Headers.ContentLength;
        }
    }

    private FeatureCollection CreateFeatures()
    {
        var features = new FeatureCollection(8);
        features.Set<IHttpRequestFeature>(this);
        features.Set<IHttpResponseFeature>(this);
        features.Set<IHttpResponseBodyFeature>(_writer);
        features.Set<IHttpRequestLifetimeFeature>(this);
        features.Set<IHttpRequestBodyDetectionFeature>(this);
        features.Set<IHttpConnectionFeature>(this);
        return features;
    }

    private async Task RunAsync()
    {
        var pump = _requestPipe is null ? Task.CompletedTask : PumpRequestAsync(_requestPipe.Writer);
        if (_server is not null)
        {
            _serverAborted = _server.Aborted.UnsafeRegister(static exchange => ((Exchange)exchange!).Abort(), this);
        }

        try
        {
            await _application(CreateFeatures()).ConfigureAwait(false);
            await StartAsync().ConfigureAwait(false);
            await _writer.FinishAsync(_aborted.IsCancellationRequested).ConfigureAwait(false);
        }
#pragma warning disable CA1031 // The top of the call: whatever the application threw becomes an answer, or the body's end.
        catch (Exception failure)
#pragma warning restore CA1031
        {
            await FailAsync(failure).ConfigureAwait(false);
        }

        await EndAsync(pump).ConfigureAwait(false);
    }

    private async Task FailAsync(Exception failure)
    {
        _server?.ReportFailure(failure, Method, Path, RequestAborted.IsCancellationRequested);
        if (HasStarted)
        {
            await _body.Writer.CompleteAsync(new IOException("The application broke the response off.", failure)).ConfigureAwait(false);
            return;
        }

        HasStarted = true;
        await _body.Writer.CompleteAsync().ConfigureAwait(false);
        if (RequestAborted.IsCancellationRequested)
        {
            _response.TrySetException(new HttpRequestException(HttpRequestError.ResponseEnded, "The application aborted the request.", failure));
        }
        else
        {
            _response.TrySetResult(new HttpResponseMessage(HttpStatusCode.InternalServerError) { RequestMessage = _message });
        }
    }

    private async Task EndAsync(Task pump)
    {
        _finished = true;
        await _serverAborted.DisposeAsync().ConfigureAwait(false);
        if (_requestPipe is not null)
        {
            await _requestPipe.Reader.CompleteAsync().ConfigureAwait(false);
            await pump.ConfigureAwait(false);
        }

        for (var index = (_onCompleted?.Count ?? 0) - 1; index >= 0; index--)
        {
            var (callback, state) = _onCompleted![index];
            await callback(state).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        _server?.Exit();
    }

    private async Task PumpRequestAsync(PipeWriter writer)
    {
        try
        {
            await _message.Content!.CopyToAsync(writer.AsStream(), _aborted.Token).ConfigureAwait(false);
            await writer.CompleteAsync().ConfigureAwait(false);
        }
#pragma warning disable CA1031 // A request body that fails is the application's to see, when it reads.
        catch (Exception failure)
#pragma warning restore CA1031
        {
            await writer.CompleteAsync(failure).ConfigureAwait(false);
        }
    }
}
