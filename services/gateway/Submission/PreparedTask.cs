using Beamline.Contracts.Tasks;

namespace Beamline.Gateway.Submission;

/// <summary>A valid assignment, ids made where they were left out. Its bytes are made once and go every way unchanged.</summary>
internal sealed record PreparedTask(ReadOnlyMemory<byte> Bytes, TaskKey Key, string RequestId);
