using System.Security.Cryptography;
using System.Text;
using Beamline.Sidecar.Http;
using Beamline.Sidecar.Invocation;
using Beamline.Sidecar.PubSub;
using Beamline.Sidecar.Secrets;
using Beamline.Sidecar.State;
using Microsoft.AspNetCore.Http;

namespace Beamline.Sidecar;

/// <summary>Dapr's HTTP API for one app: the same delegate behind a socket and in memory.</summary>
internal sealed class SidecarApi
{
    private static readonly HashSet<string> NotSupported = ["actors", "bindings", "configuration", "conversation", "crypto", "jobs", "lock", "unlock", "workflows"];
    private readonly EmbeddedSidecar _sidecar;
    private readonly SidecarApp _app;
    private readonly byte[]? _token;
    private readonly InvokeEndpoint _invoke;
    private readonly PublishEndpoint _publish;
    private readonly StateEndpoint _state;
    private readonly SecretsEndpoint _secrets;

    public SidecarApi(EmbeddedSidecar sidecar, SidecarApp app)
    {
        (_sidecar, _app) = (sidecar, app);
        var options = sidecar.Options;
        _token = (app.Options.ApiToken ?? options.ApiToken) is { Length: > 0 } token ? Encoding.UTF8.GetBytes(token) : null;
        _invoke = new InvokeEndpoint(app, sidecar.Directory, sidecar.Policies, options.HttpMaxRequestSize);
        _publish = new PublishEndpoint(app, app.Contents.PubSubs, sidecar.Bus, sidecar.Memory, sidecar.Policies, options);
        _state = new StateEndpoint(app.AppId, app.Contents.StateStores, sidecar.Faults.State, sidecar.Policies, options);
        _secrets = new SecretsEndpoint(app.Contents.SecretStores, app.Contents.Configuration.Secrets);
    }

    public async Task HandleAsync(HttpContext context)
    {
        try
        {
            var answer = await RouteAsync(context).ConfigureAwait(false);
            if (answer is not null)
            {
                await answer.WriteAsync(context).ConfigureAwait(false);
            }
        }
        catch (Exception failure) when (context.RequestAborted.IsCancellationRequested && failure is OperationCanceledException or IOException)
        {
            // The app hung up: nobody is left to answer.
            context.Abort();
        }
    }

    private async Task<ApiAnswer?> RouteAsync(HttpContext context)
    {
        var path = new ApiPath(context.Request);
        var (version, block, method) = (path[0], path[1], context.Request.Method);
        var isHealth = version == "v1.0" && block == "healthz" && HttpMethods.IsGet(method);
        if (_token is not null && !isHealth && !IsAuthorized(context.Request))
        {
            return new ApiAnswer(StatusCodes.Status401Unauthorized, "invalid api token\n"u8.ToArray(), "text/plain; charset=utf-8")
            {
                Headers = [("X-Content-Type-Options", "nosniff")],
            };
        }

        var writes = HttpMethods.IsPost(method) || HttpMethods.IsPut(method);
        switch (version, block)
        {
            case ("v1.0", "healthz") when isHealth && path.Count <= 3:
                return Health(path);
            case ("v1.0", "invoke") when path.Count > 4 && path[3] == "method":
                return await _invoke.HandleAsync(context, path[2], path.From(4), path.Query).ConfigureAwait(false);
            case ("v1.0" or "v1.0-alpha1", "publish") when writes && path[2] == "bulk" && path.Count > 4:
                return await _publish.PublishBulkAsync(context, path).ConfigureAwait(false);
            case ("v1.0", "publish") when writes:
                return await _publish.PublishAsync(context, path).ConfigureAwait(false);
            case ("v1.0", "state"):
                return await _state.HandleAsync(context, path).ConfigureAwait(false);
            case ("v1.0-alpha1", "state") when writes && path[3] == "query":
                return _state.Query(path[2]);
            case ("v1.0", "secrets") when HttpMethods.IsGet(method) && path.Count == 4:
                return path[3] == "bulk" ? _secrets.GetBulk(path[2]) : _secrets.Get(path[2], path[3]);
            case ("v1.0", "metadata") when HttpMethods.IsGet(method) && path.Count == 2:
                return MetadataAnswer.Of(_app);
            case ("v1.0", "metadata") when HttpMethods.IsPut(method) && path.Count == 3:
                return await PutMetadataAsync(context, path[2]).ConfigureAwait(false);
            case ("v1.0", "shutdown") when HttpMethods.IsPost(method):
                _ = Task.Run(_app.RemoveAsync, CancellationToken.None);
                return ApiAnswer.NoContent;
            case ("beamline", "faults") when _sidecar.Options.EnableFaultRoute:
                return await FaultRoute.HandleAsync(context, path, _sidecar.Faults).ConfigureAwait(false);
        }

        if (context.Request.Headers[ApiHeaders.AppId].ToString() is { Length: > 0 } target)
        {
            return await _invoke.HandleAsync(context, target, path.From(0), path.Query).ConfigureAwait(false);
        }

        return version.StartsWith("v1.0", StringComparison.Ordinal) && NotSupported.Contains(block)
            ? ApiAnswer.Refused($"The building block '{block}'")
            : ApiAnswer.UnknownPath;
    }

    private bool IsAuthorized(HttpRequest request) =>
        CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(request.Headers[ApiHeaders.ApiToken].ToString()), _token);

    private ApiAnswer Health(ApiPath path)
    {
        if (path.Count == 3)
        {
            return path[2] == "outbound" ? ApiAnswer.NoContent : ApiAnswer.UnknownPath;
        }

        var asked = Microsoft.AspNetCore.WebUtilities.QueryHelpers.ParseQuery(path.Query).TryGetValue("appid", out var appId) ? appId.ToString() : null;
        return asked is not null && asked != _app.AppId
                ? ApiAnswer.Error(StatusCodes.Status500InternalServerError, "ERR_HEALTH_APPID_NOT_MATCH", "dapr app-id does not match")
            : _app.Lifecycle.Ready.IsCompletedSuccessfully ? ApiAnswer.NoContent
            : ApiAnswer.Error(StatusCodes.Status500InternalServerError, "ERR_HEALTH_NOT_READY", "dapr is not ready: [runtime]");
    }

    private async Task<ApiAnswer> PutMetadataAsync(HttpContext context, string key)
    {
        // Notes of the app's own: bounded, or they would grow with every key that somebody makes up.
        const int maxKeys = 256;
        const int maxValue = 64 * 1024;
        var body = await RequestBody.ReadAsync(context.Request, maxValue, context.RequestAborted).ConfigureAwait(false);
        var extended = _app.Contents.Extended;
        if (body is null || (extended.Count >= maxKeys && !extended.ContainsKey(key)))
        {
            return ApiAnswer.Error(StatusCodes.Status400BadRequest, "ERR_MALFORMED_REQUEST", $"metadata is bounded: {maxKeys} keys of {maxValue} bytes");
        }

        extended[key] = Encoding.UTF8.GetString(body);
        return ApiAnswer.NoContent;
    }
}
