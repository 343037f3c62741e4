using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Beamline.IoExecutor.Tests.Http;

/// <summary>A server that says what no decent server says: each connection is handed to the test after the request's headers came.</summary>
internal sealed class RawServer : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _loop;

    public RawServer(Func<NetworkStream, CancellationToken, Task> answer)
    {
        _listener.Start();
        _loop = AcceptAsync(answer);
    }

    public string Url => $"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}";

    public static RawServer Saying(string response) =>
        new((stream, stop) => stream.WriteAsync(Encoding.Latin1.GetBytes(response), stop).AsTask());

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        await _loop;
        _stop.Dispose();
    }

    private async Task AcceptAsync(Func<NetworkStream, CancellationToken, Task> answer)
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                using var client = await _listener.AcceptTcpClientAsync(_stop.Token);
                var stream = client.GetStream();
                var buffer = new byte[16 * 1024];
                var length = 0;
                while (!Encoding.Latin1.GetString(buffer, 0, length).Contains("\r\n\r\n", StringComparison.Ordinal))
                {
                    length += await stream.ReadAsync(buffer.AsMemory(length), _stop.Token);
                }

                await answer(stream, _stop.Token);
            }
            catch (Exception gone) when (gone is OperationCanceledException or SocketException or IOException)
            {
                // The caller cut the connection, or the test is over.
            }
        }
    }
}
