using System.Text.Json;

namespace Beamline.Benchmarks.Workloads;

/// <summary>A kind of task: its n-th assignment as JSON, and whether an ExecResult is right.</summary>
internal interface IWorkload
{
    string Name { get; }

    /// <summary>Tasks of the throughput part.</summary>
    int Tasks { get; }

    /// <summary>Tasks that may be outstanding in the throughput part.</summary>
    int Outstanding { get; }

    /// <summary>Tasks in one POST.</summary>
    int BatchSize { get; }

    /// <summary>Writes the assignment with this id.</summary>
    void Write(Utf8JsonWriter writer, string id, int number);

    bool IsRight(JsonElement execResult, int number);
}
