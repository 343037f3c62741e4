using System.Net;
using Beamline.Sidecar.Bus;
using Beamline.Sidecar.PubSub;

namespace Beamline.Sidecar.Apps;

/// <summary>
/// Waits for the app, asks for its subscriptions, keeps them running, and, with the health check on, takes them back while the
/// app is down and asks again when it is up.
/// </summary>
internal sealed partial class AppLifecycle : IDisposable
{
    private const int MaxHandshakeBytes = 1024 * 1024;
    private readonly EmbeddedSidecar _sidecar;
    private readonly SidecarApp _app;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _stopping = new();
    private readonly TaskCompletionSource _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task _running = Task.CompletedTask;
    private volatile bool _unhealthy;

    public AppLifecycle(EmbeddedSidecar sidecar, SidecarApp app)
    {
        (_sidecar, _app) = (sidecar, app);
        _logger = sidecar.Loggers.CreateLogger<AppLifecycle>();
        _unhealthy = app.Options.EnableAppHealthCheck && app.Channel is not null;
    }

    public bool IsHealthy => !_unhealthy;

    public Task Ready => _ready.Task;

    public IReadOnlyList<Subscription> Subscriptions { get; private set; } = [];

    public IReadOnlyList<string> Refused { get; private set; } = [];

    public void Start()
    {
        if (_app.Channel is null)
        {
            _ready.SetResult();
            return;
        }

        // Without the caller's ambient context: deliveries belong to no request.
        using (ExecutionContext.SuppressFlow())
        {
            _running = Task.Run(RunAsync);
        }
    }

    public async Task StopAsync()
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        await _running.ConfigureAwait(false);
        _ready.TrySetCanceled();
    }

    public void Dispose() => _stopping.Dispose();

    private async Task RunAsync()
    {
        var stopping = _stopping.Token;
        try
        {
            while (true)
            {
                await WaitForAppAsync(stopping).ConfigureAwait(false);
                var subscriptions = await HandshakeAsync(stopping).ConfigureAwait(false);
                _unhealthy = false;
                await DeliverAsync(subscriptions, stopping).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // Stopped.
        }
    }

    /// <summary>Returns when the app is down; its lanes have ended by then.</summary>
    private async Task DeliverAsync(List<Subscription> subscriptions, CancellationToken stopping)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        using var aborting = new CancellationTokenSource();
        var lanes = new List<Task>();
        try
        {
            foreach (var subscription in subscriptions)
            {
                await SubscribeAsync(subscription, lanes, ending.Token, aborting.Token).ConfigureAwait(false);
            }

            AppIsReady(_logger, _app.AppId, Subscriptions.Count);
            _ready.TrySetResult();
            await WatchHealthAsync(stopping).ConfigureAwait(false);
            AppIsDown(_logger, _app.AppId);
        }
        finally
        {
            await ending.CancelAsync().ConfigureAwait(false);
            var ended = Task.WhenAll(lanes);
            try
            {
                await ended.WaitAsync(_sidecar.Options.DrainTimeout, _sidecar.Options.Time, CancellationToken.None).ConfigureAwait(false);
            }
            catch (TimeoutException)
            {
                await aborting.CancelAsync().ConfigureAwait(false);
                await ended.ConfigureAwait(false);
            }

            Subscriptions = [];
        }
    }

    private async Task SubscribeAsync(Subscription subscription, List<Task> lanes, CancellationToken ending, CancellationToken aborting)
    {
        if (!_app.Contents.PubSubs.TryGetValue(subscription.PubSub, out var component))
        {
            Refuse(subscription, "there is no such pub/sub component");
            return;
        }

        if (!component.MaySubscribe(_app.AppId, subscription.Topic))
        {
            Refuse(subscription, $"the topic is not allowed for app id {_app.AppId}");
            return;
        }

        var call = new DeliveryCall(_app.Channel!, subscription, sendsTopic: !component.InMemory, _sidecar.Options.Time);
        if (component.InMemory)
        {
            lanes.Add(_sidecar.Memory.ListenAsync(
                component.Name, subscription.Topic, (message, token) => call.DeliverAsync(message.Subject, message.Body, token), ending));
        }
        else
        {
            try
            {
                var consumer = await _sidecar.Bus.OpenConsumerAsync(component.ConsumerFor(subscription.Topic), ending).ConfigureAwait(false);
                lanes.Add(new Lane(_sidecar.Bus, consumer, call, _sidecar.Faults, _sidecar.Options.Time).RunAsync(ending, aborting));
            }
            catch (SubscriptionRefusedException failure)
            {
                Refuse(subscription, failure.Message);
                return;
            }
        }

        Subscriptions = [.. Subscriptions, subscription];
    }

    private void Refuse(Subscription subscription, string why) => Refuse($"{subscription.PubSub}/{subscription.Topic}: {why}");

    private void Refuse(string why)
    {
        RefusedSubscription(_logger, _app.AppId, why);
        Refused = [.. Refused, why];
    }

    private async Task WaitForAppAsync(CancellationToken stopping)
    {
        while (_app.Options.EnableAppHealthCheck && !await ProbeAsync(stopping).ConfigureAwait(false))
        {
            await PauseAsync(_app.Options.AppProbeInterval, stopping).ConfigureAwait(false);
        }
    }

    /// <summary>Asks until the app listens; what it answers counts, also that it has no such path.</summary>
    private async Task<List<Subscription>> HandshakeAsync(CancellationToken stopping)
    {
        while (true)
        {
            try
            {
                await AskAsync("/dapr/config", stopping).ConfigureAwait(false);
                var (status, body) = await AskAsync("/dapr/subscribe", stopping).ConfigureAwait(false);
                var refused = new List<string>();
                List<Subscription> subscriptions = [];
                if (status is HttpStatusCode.OK)
                {
                    subscriptions = Subscription.ReadAll(body, refused);
                }
                else if (status is not HttpStatusCode.NotFound)
                {
                    refused.Add($"the app answered {(int)status} on /dapr/subscribe");
                }

                Refused = [];
                refused.ForEach(Refuse);
                return subscriptions;
            }
            catch (Exception failure) when (failure is HttpRequestException or IOException)
            {
                await PauseAsync(_app.Options.AppProbeInterval, stopping).ConfigureAwait(false);
            }
        }
    }

    private async Task<(HttpStatusCode Status, byte[] Body)> AskAsync(string path, CancellationToken stopping)
    {
        using var request = _app.Channel!.Request(HttpMethod.Get, path);
        request.Content = new ByteArrayContent([]);
        request.Content.Headers.TryAddWithoutValidation("Content-Type", "application/json");
        request.Headers.TryAddWithoutValidation(Http.ApiHeaders.AppId, _app.AppId);
        using var response = await _app.Channel.SendAsync(request, stopping).ConfigureAwait(false);
        await response.Content.LoadIntoBufferAsync(MaxHandshakeBytes, stopping).ConfigureAwait(false);
        return (response.StatusCode, await response.Content.ReadAsByteArrayAsync(stopping).ConfigureAwait(false));
    }

    private async Task WatchHealthAsync(CancellationToken stopping)
    {
        if (!_app.Options.EnableAppHealthCheck)
        {
            await PauseAsync(Timeout.InfiniteTimeSpan, stopping).ConfigureAwait(false);
        }

        var failures = 0;
        while (failures < _app.Options.AppHealthThreshold)
        {
            await PauseAsync(_app.Options.AppHealthInterval, stopping).ConfigureAwait(false);
            failures = await ProbeAsync(stopping).ConfigureAwait(false) ? 0 : failures + 1;
        }

        _unhealthy = true;
    }

    private async Task<bool> ProbeAsync(CancellationToken stopping)
    {
        using var limit = new CancellationTokenSource(_app.Options.AppHealthTimeout, _sidecar.Options.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(stopping, limit.Token);
        try
        {
            using var request = _app.Channel!.Request(HttpMethod.Get, _app.Options.AppHealthPath);
            using var response = await _app.Channel.SendAsync(request, either.Token).ConfigureAwait(false);
            return response.IsSuccessStatusCode;
        }
        catch (Exception failure) when (failure is HttpRequestException or IOException
            || (failure is OperationCanceledException && !stopping.IsCancellationRequested))
        {
            return false;
        }
    }

    private Task PauseAsync(TimeSpan time, CancellationToken stopping) => Task.Delay(time, _sidecar.Options.Time, stopping);
}
