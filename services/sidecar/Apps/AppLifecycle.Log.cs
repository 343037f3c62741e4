namespace Beamline.Sidecar.Apps;

internal sealed partial class AppLifecycle
{
    [LoggerMessage(LogLevel.Information, "App {AppId} answered and has {Subscriptions} subscriptions")]
    private static partial void AppIsReady(ILogger logger, string appId, int subscriptions);

    [LoggerMessage(LogLevel.Warning, "App {AppId} failed its health check; it gets no deliveries until it answers again")]
    private static partial void AppIsDown(ILogger logger, string appId);

    [LoggerMessage(LogLevel.Error, "Refused a subscription of app {AppId}: {Reason}")]
    private static partial void RefusedSubscription(ILogger logger, string appId, string reason);
}
