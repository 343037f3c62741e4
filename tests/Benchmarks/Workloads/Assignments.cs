using System.Text.Json;

namespace Beamline.Benchmarks.Workloads;

/// <summary>The envelope around a workload's job.</summary>
internal static class Assignments
{
    public static void Begin(Utf8JsonWriter writer, string id)
    {
        writer.WriteStartObject();
        writer.WriteString("version"u8, "1"u8);
        writer.WriteString("assignment_id"u8, id);
        writer.WriteString("request_id"u8, id);
        writer.WriteString("tenant_id"u8, "bench"u8);
        writer.WriteStartObject("executor"u8);
        writer.WriteString("provider_id"u8, "bench"u8);
        writer.WriteEndObject();
        writer.WriteStartObject("job"u8);
    }

    public static void End(Utf8JsonWriter writer)
    {
        writer.WriteEndObject();
        writer.WriteEndObject();
    }
}
