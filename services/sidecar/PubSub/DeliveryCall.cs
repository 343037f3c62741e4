using System.Buffers;
using System.Buffers.Text;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using Beamline.Sidecar.Apps;
using Beamline.Sidecar.Http;

namespace Beamline.Sidecar.PubSub;

/// <summary>Hands messages of one subscription to the app and reads its answers.</summary>
internal sealed class DeliveryCall
{
    // A status fits in far less; a longer answer is the app's own business and counts as taken.
    private const int MaxAnswer = 64 * 1024;
    private static readonly MediaTypeHeaderValue CloudEvents = new("application/cloudevents+json");

    private readonly AppChannel _channel;
    private readonly Subscription _subscription;
    private readonly bool _sendsTopic;
    private readonly TimeProvider _time;
    private readonly byte[] _rawTail;

    public DeliveryCall(AppChannel channel, Subscription subscription, bool sendsTopic, TimeProvider time)
    {
        (_channel, _subscription, _sendsTopic, _time) = (channel, subscription, sendsTopic, time);
        var tail = new ArrayBufferWriter<byte>();
        tail.Write("\",\"pubsubname\":"u8);
        GoJson.WriteString(tail, subscription.PubSub);
        tail.Write(",\"source\":\"Dapr\",\"specversion\":\"1.0\",\"topic\":"u8);
        GoJson.WriteString(tail, subscription.Topic);
        tail.Write(",\"type\":\"com.dapr.event.sent\"}"u8);
        _rawTail = tail.WrittenSpan.ToArray();
    }

    /// <summary>True when the message is settled: taken, dropped, or past its expiry; false when it must come again.</summary>
    public async ValueTask<bool> DeliverAsync(string subject, byte[] body, CancellationToken cancellation)
    {
        if (!_subscription.Raw)
        {
            if (!TryReadEvent(body, out var expires))
            {
                return false; // Never reaches the app: comes again until maxDeliver, as in the real runtime.
            }

            if (expires <= _time.GetUtcNow())
            {
                return true;
            }
        }

        using var request = _channel.Request(HttpMethod.Post, _subscription.Route);
        request.Content = new ByteArrayContent(_subscription.Raw ? WrapRaw(body) : body);
        request.Content.Headers.ContentType = CloudEvents;
        request.Headers.TryAddWithoutValidation("Pubsubname", _subscription.PubSub);
        if (_sendsTopic)
        {
            request.Headers.TryAddWithoutValidation("Topic", subject);
        }

        try
        {
            using var response = await _channel.SendAsync(request, cancellation).ConfigureAwait(false);
            return response.StatusCode == HttpStatusCode.NotFound
                || (response.IsSuccessStatusCode && await IsTakenAsync(response, cancellation).ConfigureAwait(false));
        }
        catch (HttpRequestException)
        {
            return false; // The app is away.
        }
        catch (IOException)
        {
            return false; // It broke its answer off.
        }
    }

    private static async ValueTask<bool> IsTakenAsync(HttpResponseMessage response, CancellationToken cancellation)
    {
        if (response.Content.Headers.ContentLength is 0 or > MaxAnswer)
        {
            return true;
        }

        var stream = await response.Content.ReadAsStreamAsync(cancellation).ConfigureAwait(false);
        var buffer = ArrayPool<byte>.Shared.Rent(MaxAnswer);
        try
        {
            var length = await stream.ReadAtLeastAsync(buffer.AsMemory(0, MaxAnswer), MaxAnswer, throwOnEndOfStream: false, cancellation).ConfigureAwait(false);
            return length is 0 or MaxAnswer || !AsksForRetry(buffer.AsMemory(0, length));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Any status text but SUCCESS, DROP and the empty one; no JSON object at all is no wish.</summary>
    private static bool AsksForRetry(ReadOnlyMemory<byte> answer)
    {
        try
        {
            using var document = JsonDocument.Parse(answer);
            return document.RootElement.ValueKind == JsonValueKind.Object
                && document.RootElement.TryGetProperty("status", out var status)
                && status.ValueKind == JsonValueKind.String
                && status.GetString() is not ("" or "SUCCESS" or "DROP");
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private static bool TryReadEvent(byte[] body, out DateTimeOffset? expires)
    {
        expires = null;
        try
        {
            var reader = new Utf8JsonReader(body);
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
            {
                return false;
            }

            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var isExpiration = reader.ValueTextEquals("expiration"u8);
                reader.Read();
                if (isExpiration && reader.TokenType == JsonTokenType.String
                    && DateTimeOffset.TryParse(reader.GetString(), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var at))
                {
                    expires = at;
                }

                reader.Skip();
            }

            return true;
        }
        catch (Exception failure) when (failure is JsonException or InvalidOperationException)
        {
            return false;
        }
    }

    // Written by hand: this is the hot path of every intake lane.
    private byte[] WrapRaw(byte[] body)
    {
        ReadOnlySpan<byte> head = "{\"data_base64\":\""u8;
        ReadOnlySpan<byte> middle = "\",\"datacontenttype\":\"application/octet-stream\",\"id\":\""u8;
        const int guidLength = 36;
        var encoded = Base64.GetMaxEncodedToUtf8Length(body.Length);
        var envelope = GC.AllocateUninitializedArray<byte>(head.Length + encoded + middle.Length + guidLength + _rawTail.Length);
        var rest = envelope.AsSpan();
        head.CopyTo(rest);
        rest = rest[head.Length..];
        Base64.EncodeToUtf8(body, rest, out _, out var written);
        rest = rest[written..];
        middle.CopyTo(rest);
        rest = rest[middle.Length..];
        Guid.NewGuid().TryFormat(rest, out _);
        _rawTail.CopyTo(rest[guidLength..]);
        return envelope;
    }
}
