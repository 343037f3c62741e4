using System.Text;
using System.Text.Json;
using Beamline.Sidecar.Conformance.Tests.Hosts;
using Beamline.Sidecar.Conformance.Tests.Recordings;

namespace Beamline.Sidecar.Conformance.Tests.Replay;

/// <summary>
/// Tells when the bus has no more to say about a case, without waiting for time to pass: a message of its own follows the case
/// through the same topic, and what has not come before that one has been dealt with is not coming.
/// </summary>
internal sealed class BusProbe(Stage stage)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <summary>Subscribed topics by how a topic that reaches them begins. The last one stands for topics that nobody subscribes to.</summary>
    private static readonly (string Prefix, string PubSub, string Topic)[] Fences =
    [
        ("memt", "mempub", "memt"),
        ("beamline.raw", "js", "beamline.raw"),
        ("beamline.ans2", "js", "beamline.ans2"),
        ("beamline.wild.", "js", "beamline.wild.fence"),
        ("beamline.deep.", "js", "beamline.deep.fence"),
        ("", "js", "beamline.ev"),
    ];

    private int _fences;

    public static bool IsFence(ReceivedRequest request) => Readable(request).Contains("\"fence-", StringComparison.Ordinal);

    /// <summary>Subscriptions may take a moment to stand: sends fences through all of them until each has brought one.</summary>
    public async Task WarmUpAsync(CancellationToken cancellation)
    {
        foreach (var fence in Fences)
        {
            await PassAsync(fence.Topic, attempts: 5, cancellation);
        }

        stage.App.Forget();
        stage.Observer.Forget();
    }

    /// <summary>Returns after everything published to <paramref name="topic"/> before has been delivered, as far as it ever is.</summary>
    public Task SettleAsync(string topic, CancellationToken cancellation) => PassAsync(topic, attempts: 1, cancellation);

    /// <summary>As <see cref="SettleAsync"/> for deliveries of the component, not of the topic: a redelivery that waits does not hold it up.</summary>
    public Task SettleBesideAsync(CancellationToken cancellation) => PassAsync("beamline.wild.fence", attempts: 1, cancellation);

    public Task WaitForDeliveriesAsync(int count, CancellationToken cancellation) =>
        stage.App.WaitAsync(request => !IsFence(request), count, Patience, cancellation);

    public Task WaitForWireAsync(int count, CancellationToken cancellation) =>
        stage.Observer.WaitAsync(request => !IsFence(request), count, Patience, cancellation);

    public IReadOnlyList<ReceivedRequest> Deliveries => [.. stage.App.Received.Where(request => !IsFence(request))];

    public IReadOnlyList<RecordedWireMessage> Wire =>
    [
        .. stage.Observer.Received.Where(request => !IsFence(request))
            .Select(request => new RecordedWireMessage(request.Header("Topic") ?? "", null, RawBytes(request))),
    ];

    private async Task PassAsync(string topic, int attempts, CancellationToken cancellation)
    {
        var fence = Fences.First(fence => topic.StartsWith(fence.Prefix, StringComparison.Ordinal));
        for (var attempt = 1; ; attempt++)
        {
            var id = $"fence-{Interlocked.Increment(ref _fences)}";
            var client = await stage.MainAsync(cancellation);
            var answer = await client.SendAsync(
                "POST",
                $"/v1.0/publish/{fence.PubSub}/{fence.Topic}?metadata.cloudevent.id={id}",
                [("content-type", "application/json")],
                "{}"u8.ToArray(),
                cancellation);
            if (answer.Status != 204)
            {
                throw new InvalidOperationException($"the probe's own publish was answered {answer.Status} {answer.Text}");
            }

            try
            {
                var within = attempt < attempts ? TimeSpan.FromSeconds(1) : Patience;
                await stage.App.WaitAsync(request => Has(request, id), 1, within, cancellation);
                if (fence.PubSub == "js")
                {
                    await stage.Observer.WaitAsync(request => Has(request, id), 1, within, cancellation);
                }

                return;
            }
            catch (TimeoutException) when (attempt < attempts)
            {
                // The subscription did not stand yet; the next fence follows at once.
            }
            catch (TimeoutException)
            {
                throw new TimeoutException($"a message published to {fence.Topic} did not come through");
            }
        }
    }

    private static bool Has(ReceivedRequest request, string id) => Readable(request).Contains($"\"{id}\"", StringComparison.Ordinal);

    private static string Readable(ReceivedRequest request) =>
        request.Text.Contains("\"data_base64\"", StringComparison.Ordinal) ? Encoding.UTF8.GetString(RawBytes(request)) : request.Text;

    private static byte[] RawBytes(ReceivedRequest request)
    {
        using var envelope = JsonDocument.Parse(request.Body);
        return envelope.RootElement.GetProperty("data_base64").GetBytesFromBase64();
    }
}
