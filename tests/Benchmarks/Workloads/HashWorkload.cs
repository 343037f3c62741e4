using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Beamline.Benchmarks.Workloads;

/// <summary>w1: the SHA-256 of a 512-byte payload, another one for each task.</summary>
internal sealed class HashWorkload(int tasks) : IWorkload
{
    private const int PayloadBytes = 512;

    public string Name => "w1";

    public int Tasks => tasks;

    public int Outstanding => 256;

    public int BatchSize => 64;

    public void Write(Utf8JsonWriter writer, string id, int number)
    {
        Assignments.Begin(writer, id);
        writer.WriteString("type"u8, "crypto.hash"u8);
        writer.WriteString("algorithm"u8, "sha256"u8);
        writer.WriteString("content"u8, Payload(number));
        Assignments.End(writer);
    }

    public bool IsRight(JsonElement execResult, int number) =>
        execResult.GetProperty("status"u8).ValueEquals("success"u8)
        && execResult.GetProperty("result"u8).GetProperty("digest"u8).ValueEquals(Convert.ToHexStringLower(SHA256.HashData(Payload(number))));

    private static byte[] Payload(int number)
    {
        var payload = new byte[PayloadBytes];
        payload.AsSpan().Fill((byte)('a' + (number % 26)));
        Encoding.ASCII.GetBytes(number.ToString("D12", System.Globalization.CultureInfo.InvariantCulture), payload);
        return payload;
    }
}
