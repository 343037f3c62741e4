using System.Net;
using System.Net.Sockets;

namespace Beamline.TestKit.Processes;

/// <summary>Ports that were free a moment ago, for processes that must know each other's before they start.</summary>
public static class FreePorts
{
    public static int[] Take(int count)
    {
        // All are held until the last is found, so that none is given twice.
        var listeners = Enumerable.Range(0, count).Select(_ => new TcpListener(IPAddress.Loopback, 0)).ToArray();
        try
        {
            return [.. listeners.Select(listener =>
            {
                listener.Start();
                return ((IPEndPoint)listener.LocalEndpoint).Port;
            })];
        }
        finally
        {
            foreach (var listener in listeners)
            {
                listener.Dispose();
            }
        }
    }
}
