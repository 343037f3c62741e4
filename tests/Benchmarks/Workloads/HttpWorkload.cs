using System.Globalization;
using System.Text.Json;

namespace Beamline.Benchmarks.Workloads;

/// <summary>w2: an http.request to a server that answers at once, in a process of its own.</summary>
internal sealed class HttpWorkload(int tasks, Uri server) : IWorkload
{
    public string Name => "w2";

    public int Tasks => tasks;

    public int Outstanding => 64;

    public int BatchSize => 16;

    public void Write(Utf8JsonWriter writer, string id, int number)
    {
        Assignments.Begin(writer, id);
        writer.WriteString("type"u8, "http.request"u8);
        writer.WriteString("method"u8, "GET"u8);
        writer.WriteString("url"u8, new Uri(server, "/n/" + number.ToString(CultureInfo.InvariantCulture)).ToString());
        Assignments.End(writer);
    }

    public bool IsRight(JsonElement execResult, int number) =>
        execResult.GetProperty("status"u8).ValueEquals("success"u8)
        && execResult.GetProperty("result"u8).GetProperty("body"u8).ValueEquals(number.ToString(CultureInfo.InvariantCulture));
}
