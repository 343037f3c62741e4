using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace Beamline.Sidecar.Conformance.Tests.Hosts;

/// <summary>
/// Creates JetStream streams, which the runtime never does, in the broker's plain text protocol: there is no client package here.
/// </summary>
internal static class NatsStreams
{
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(50);

    public static async Task CreateAsync(
        int port, IReadOnlyDictionary<string, string[]> streams, TimeSpan within, CancellationToken cancellation)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(within);
        using var socket = await ConnectAsync(port, limit.Token);
        await using var stream = socket.GetStream();
        using var reader = new StreamReader(stream, Encoding.UTF8);
        await SendAsync(stream, "CONNECT {\"verbose\":false}\r\nSUB reply 1\r\n", limit.Token);
        foreach (var (name, subjects) in streams)
        {
            var body = JsonSerializer.Serialize(new { name, subjects, storage = "memory", retention = "limits", num_replicas = 1 });
            await SendAsync(stream, $"PUB $JS.API.STREAM.CREATE.{name} reply {Encoding.UTF8.GetByteCount(body)}\r\n{body}\r\n", limit.Token);
            await ReplyAsync(reader, name, limit.Token);
        }
    }

    private static async Task ReplyAsync(StreamReader reader, string name, CancellationToken cancellation)
    {
        while (await reader.ReadLineAsync(cancellation) is { } line)
        {
            if (line.StartsWith("MSG ", StringComparison.Ordinal))
            {
                var answer = await reader.ReadLineAsync(cancellation) ?? "";
                if (answer.Contains("\"error\"", StringComparison.Ordinal))
                {
                    throw new InvalidOperationException($"stream {name} was not created: {answer}");
                }

                return;
            }
        }

        throw new InvalidOperationException($"the broker hung up before it created stream {name}");
    }

    private static async Task<TcpClient> ConnectAsync(int port, CancellationToken cancellation)
    {
        while (true)
        {
            var client = new TcpClient();
            try
            {
                await client.ConnectAsync("127.0.0.1", port, cancellation);
                return client;
            }
            catch (SocketException)
            {
                client.Dispose();
                await Task.Delay(Poll, TimeProvider.System, cancellation);
            }
        }
    }

    private static Task SendAsync(NetworkStream stream, string text, CancellationToken cancellation) =>
        stream.WriteAsync(Encoding.UTF8.GetBytes(text), cancellation).AsTask();
}
