using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;

namespace Beamline.InProcess;

/// <summary>
/// Hosts an ASP.NET Core application without sockets: register it as the <see cref="IServer"/> and reach the application
/// through an <see cref="InProcessHandler"/>. Until it is started, and after it was stopped, a call fails as a refused
/// connection does.
/// </summary>
public sealed partial class InProcessServer(ILogger<InProcessServer>? logger = null) : IServer
{
    private readonly Lock _gate = new(); // guards _inFlight and _drained
    private readonly CancellationTokenSource _aborted = new();
    private volatile Func<IFeatureCollection, Task>? _application;
    private TaskCompletionSource? _drained;
    private int _inFlight;

    public IFeatureCollection Features { get; } = new FeatureCollection();

    /// <summary>Fires when the server stops without waiting longer: what still runs is aborted.</summary>
    internal CancellationToken Aborted => _aborted.Token;

    public Task StartAsync<TContext>(IHttpApplication<TContext> application, CancellationToken cancellationToken)
        where TContext : notnull
    {
        _application = features => RunAsync(application, features);
        return Task.CompletedTask;
    }

    /// <summary>Takes no new calls, waits for those in flight until the token fires, then aborts what is left.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        _application = null;
        Task drained;
        lock (_gate)
        {
            if (_inFlight == 0)
            {
                return;
            }

            _drained ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            drained = _drained.Task;
        }

        try
        {
            await drained.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            await _aborted.CancelAsync().ConfigureAwait(false);
        }
    }

    public void Dispose()
    {
        _application = null;
        _aborted.Cancel();
    }

    /// <summary>The started application; each successful call is followed by <see cref="Exit"/>.</summary>
    internal Func<IFeatureCollection, Task> Enter()
    {
        lock (_gate)
        {
            var application = _application
                ?? throw new HttpRequestException(HttpRequestError.ConnectionError, "The application in this process is not running.");
            _inFlight++;
            return application;
        }
    }

    internal void Exit()
    {
        lock (_gate)
        {
            if (--_inFlight == 0)
            {
                _drained?.TrySetResult();
            }
        }
    }

    /// <summary>What a socket server would log: the caller only sees a 500 or a body that breaks off.</summary>
    internal void ReportFailure(Exception failure, string method, string path, bool aborted)
    {
        if (logger is not null && !aborted)
        {
            ApplicationFailed(logger, failure, method, path);
        }
    }

    private static async Task RunAsync<TContext>(IHttpApplication<TContext> application, IFeatureCollection features)
        where TContext : notnull
    {
        var context = application.CreateContext(features);
        Exception? failure = null;
        try
        {
            await application.ProcessRequestAsync(context).ConfigureAwait(false);
        }
        catch (Exception thrown)
        {
            failure = thrown;
            throw;
        }
        finally
        {
            application.DisposeContext(context, failure);
        }
    }
}
