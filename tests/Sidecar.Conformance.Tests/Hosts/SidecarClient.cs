using System.Text;

namespace Beamline.Sidecar.Conformance.Tests.Hosts;

/// <summary>An app's way to its sidecar: sends paths as they are written, follows no redirect, keeps no cookie.</summary>
internal sealed class SidecarClient(
    HttpMessageInvoker invoker, Uri endpoint, Func<CancellationToken, Task> takeAppDown, Func<CancellationToken, Task> remove) : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    /// <summary>A handler that adds nothing of its own to a request.</summary>
    public static HttpMessageHandler PlainHandler() =>
        new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false, UseProxy = false, ActivityHeadersPropagator = null };

    /// <summary>Subscriptions that the sidecar did not give its app, with its reasons.</summary>
    public IReadOnlyList<string> Refusals { get; init; } = [];

    public Task TakeAppDownAsync(CancellationToken cancellation) => takeAppDown(cancellation);

    public Task RemoveAsync(CancellationToken cancellation) => remove(cancellation);

    public async Task<Answered> SendAsync(
        string method, string path, IEnumerable<(string Name, string Value)> headers, byte[]? body, CancellationToken cancellation)
    {
        // As written: Uri would otherwise turn %2E into a dot before the sidecar sees it.
        var uri = new Uri(
            endpoint.GetLeftPart(UriPartial.Authority) + path, new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true });
        using var request = new HttpRequestMessage(new HttpMethod(method), uri);
        if (body is not null)
        {
            request.Content = new ByteArrayContent(body);
        }

        foreach (var (name, value) in headers)
        {
            if (!request.Headers.TryAddWithoutValidation(name, value))
            {
                request.Content ??= new ByteArrayContent([]);
                request.Content.Headers.TryAddWithoutValidation(name, value);
            }
        }

        using var timeout = new CancellationTokenSource(Patience, TimeProvider.System);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellation);
        using var response = await invoker.SendAsync(request, either.Token);
        var content = await response.Content.ReadAsByteArrayAsync(either.Token);
        var all = response.Headers.Concat(response.Content.Headers)
            .ToDictionary(header => header.Key, header => header.Value.ToArray(), StringComparer.OrdinalIgnoreCase);
        return new Answered((int)response.StatusCode, all, content);
    }

    public Task<Answered> GetAsync(string path, params (string Name, string Value)[] headers) =>
        SendAsync("GET", path, headers, null, TestContext.Current.CancellationToken);

    public Task<Answered> DeleteAsync(string path, params (string Name, string Value)[] headers) =>
        SendAsync("DELETE", path, headers, null, TestContext.Current.CancellationToken);

    public Task<Answered> PostAsync(string path, string contentType, string body, params (string Name, string Value)[] headers) =>
        PostAsync(path, contentType, Encoding.UTF8.GetBytes(body), headers);

    public Task<Answered> PostAsync(string path, string contentType, byte[] body, params (string Name, string Value)[] headers) =>
        SendAsync("POST", path, [("content-type", contentType), .. headers], body, TestContext.Current.CancellationToken);

    public Task<Answered> PostJsonAsync(string path, string json) => PostAsync(path, "application/json", json);

    public void Dispose() => invoker.Dispose();
}
