namespace Beamline.DaprAccess;

/// <summary>How to reach the own sidecar. What is not set here is read from the configuration, then from the environment.</summary>
public sealed class DaprClientOptions
{
    /// <summary>The sidecar's address. Left out: <c>DAPR_HTTP_ENDPOINT</c>, else 127.0.0.1 with <c>DAPR_HTTP_PORT</c>, else port 3500.</summary>
    public Uri? HttpEndpoint { get; set; }

    /// <summary>Sent as <c>dapr-api-token</c>. Left out: <c>DAPR_API_TOKEN</c>; empty means none.</summary>
    public string? ApiToken { get; set; }

    /// <summary>
    /// The longest wait for one answer to publish, state, secret, health and metadata calls. A publish with the broker
    /// away answers after 5 s, so less than that turns a clear error into a time-out. Invocation has no limit of its own:
    /// it may be a held call, and the caller's token ends it.
    /// </summary>
    public TimeSpan CallTimeout { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>Answers above this many bytes are refused (streams are not counted).</summary>
    public int MaxAnswerBytes { get; set; } = 16 * 1024 * 1024;

    /// <summary>How long to wait for the TCP connection to the sidecar, which is on the same machine or pod.</summary>
    public TimeSpan ConnectTimeout { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>Replaces the sockets, for a host that keeps sidecar and services in one process. The client disposes what it returns.</summary>
    public Func<HttpMessageHandler>? PrimaryHandlerFactory { get; set; }

    /// <exception cref="InvalidOperationException">Some values cannot be; all of them are named.</exception>
    internal void Validate()
    {
        List<string> faults = [];
        if (HttpEndpoint is not null && !(HttpEndpoint.IsAbsoluteUri && HttpEndpoint.Scheme is "http" or "https"))
        {
            faults.Add($"{nameof(HttpEndpoint)} is \"{HttpEndpoint}\", not an http or https address");
        }

        if (CallTimeout <= TimeSpan.Zero)
        {
            faults.Add($"{nameof(CallTimeout)} is {CallTimeout}, not a positive time");
        }

        if (ConnectTimeout <= TimeSpan.Zero)
        {
            faults.Add($"{nameof(ConnectTimeout)} is {ConnectTimeout}, not a positive time");
        }

        if (MaxAnswerBytes <= 0)
        {
            faults.Add($"{nameof(MaxAnswerBytes)} is {MaxAnswerBytes}, not a positive number");
        }

        if (faults.Count > 0)
        {
            throw new InvalidOperationException($"{nameof(DaprClientOptions)}: {string.Join("; ", faults)}");
        }
    }
}
