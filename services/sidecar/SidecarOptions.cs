using Beamline.Sqlite;

namespace Beamline.Sidecar;

/// <summary>What one embedded sidecar process is given: where its data lies, which components it reads, and its bounds.</summary>
public sealed record SidecarOptions
{
    /// <summary>Holds the bus and the state of stores without a path of their own. One process at a time.</summary>
    public required string DataDirectory { get; init; }

    /// <summary>A folder of the YAML files that Dapr reads (Component, Resiliency, Configuration). Null: no components.</summary>
    public string? ComponentsPath { get; init; }

    /// <summary>Apps must send it as <c>dapr-api-token</c>. Null: no token is asked for.</summary>
    public string? ApiToken { get; init; }

    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Chooses instances and jitter.</summary>
    public Random Random { get; init; } = new();

    /// <summary>How long the id of a message keeps a second one out of its stream.</summary>
    public TimeSpan DedupWindow { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>Ids remembered within the window, a stream: about 100 bytes each; beyond it the oldest are forgotten early.</summary>
    public int MaxDedupIds { get; init; } = 500_000;

    /// <summary>FULL: an answered publish survives power loss; NORMAL: a crash of the process.</summary>
    public SqliteSynchronous Synchronous { get; init; } = SqliteSynchronous.Full;

    /// <summary>The streams of the bus; a topic outside them is refused as JetStream refuses it.</summary>
    public IReadOnlyList<StreamOptions> Streams { get; init; } = StreamOptions.Defaults;

    /// <summary>Largest message on the bus, envelope included, as the broker's default.</summary>
    public int MaxMessageBytes { get; init; } = 1024 * 1024;

    /// <summary>Largest request body (<c>dapr-http-max-request-size</c>).</summary>
    public int HttpMaxRequestSize { get; init; } = 4 * 1024 * 1024;

    /// <summary>Messages that wait in memory for a subscription of <c>pubsub.in-memory</c>; beyond it the publisher waits.</summary>
    public int MaxInMemoryBacklog { get; init; } = 1_024;

    /// <summary>How long a stop waits for calls and deliveries in flight.</summary>
    public TimeSpan DrainTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Adds W3C trace context to published events, as Dapr's <c>samplingRate: "1"</c>; off as <c>"0"</c>.</summary>
    public bool TracePublishes { get; init; }

    /// <summary>Serves <c>/beamline/faults</c> on every app's listener: for tests of processes.</summary>
    public bool EnableFaultRoute { get; init; }
}

/// <summary>A stream of the bus: like JetStream's limits retention, the oldest messages go when a bound is reached.</summary>
public sealed record StreamOptions
{
    public static readonly IReadOnlyList<StreamOptions> Defaults =
    [
        new() { Name = "CAF", Subjects = ["caf.>"], Except = ["caf.exec.dlq.v1"] },
        new() { Name = "CAF_DLQ", Subjects = ["caf.exec.dlq.v1"] },
        new() { Name = "BEAMLINE", Subjects = ["beamline.>"] },
    ];

    public required string Name { get; init; }

    /// <summary>Subjects with <c>*</c> (one token) and a last <c>&gt;</c> (all that follow).</summary>
    public required IReadOnlyList<string> Subjects { get; init; }

    /// <summary>Subjects that the patterns cover but another stream holds.</summary>
    public IReadOnlyList<string> Except { get; init; } = [];

    public long MaxMessages { get; init; } = 1_000_000;

    public long MaxBytes { get; init; } = 1L << 30;

    /// <summary>Zero: no bound by age.</summary>
    public TimeSpan MaxAge { get; init; } = TimeSpan.FromDays(1);
}
