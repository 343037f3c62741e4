using Beamline.Sidecar.Conformance.Tests.Hosts;
using Microsoft.AspNetCore.Http;

namespace Beamline.Sidecar.Conformance.Tests.Replay;

/// <summary>The app that was called in <c>invoke.json</c>, read off from its answers there.</summary>
internal static class RecordedCallee
{
    private static readonly TimeSpan Hang = TimeSpan.FromSeconds(5);

    public static async Task AnswerAsync(ReceivedRequest request, HttpContext context)
    {
        var path = request.Target.Split('?')[0];
        switch (path)
        {
            case "/json":
                context.Response.Headers["X-From-Callee"] = "yes";
                await RecordingApp.AnswerAsync(context, 200, "application/json", """{"ok":true}""");
                break;
            case "/echo":
                context.Response.Headers["X-From-Callee"] = "yes";
                context.Response.Headers["X-Multi"] = new[] { "a", "b" };
                context.Response.Headers.SetCookie = "k=v";
                await RecordingApp.AnswerAsync(context, 200, request.Header("Content-Type") ?? "text/plain", request.Body);
                break;
            case "/bin":
                await RecordingApp.AnswerAsync(context, 200, "application/octet-stream", [0x00, 0x01, 0x02, 0xFF, 0xFE]);
                break;
            case "/hang":
                await Task.Delay(Hang, TimeProvider.System, context.RequestAborted);
                break;
            case var _ when path.StartsWith("/status/", StringComparison.Ordinal):
                await StatusAsync(context, int.Parse(path["/status/".Length..]));
                break;
            default:
                await RecordingApp.AnswerAsync(context, 200, "text/plain", "default");
                break;
        }
    }

    private static Task StatusAsync(HttpContext context, int status)
    {
        if (status == StatusCodes.Status302Found)
        {
            context.Response.Headers.Location = "/elsewhere";
        }

        var body = status == StatusCodes.Status204NoContent ? "" : $$"""{"title":"status {{status}}"}""";
        return RecordingApp.AnswerAsync(context, status, "application/problem+json", body);
    }
}
