using System.Numerics;

namespace Beamline.Scheduler.Core.Fairness;

/// <summary>
/// What a task takes of a worker, as a class: <see cref="Light"/> fits wherever a slot is free; the others must be tried. Powers of
/// two keep the classes few, so that no tenant can make many by declaring odd sizes; the fit itself goes by the exact figures.
/// </summary>
internal readonly record struct TaskSize(int SlotsLog2, int MemoryLog2)
{
    public static readonly TaskSize Light;

    public bool IsLight => this == Light;

    public static TaskSize Of(TaskInfo task) => new(
        BitOperations.Log2((uint)task.Slots), task.MemoryMb > 0 ? 1 + BitOperations.Log2((uint)task.MemoryMb) : 0);
}

/// <summary>What a worker has left to give.</summary>
/// <param name="Slots">Free slots.</param>
/// <param name="MemoryMb">Memory not declared by a lease in its hands; <see cref="int.MaxValue"/> when it states no limit.</param>
/// <param name="IsEmpty">It holds no lease: then a task wider than the whole worker is given to it too, or it would never run.</param>
internal readonly record struct WorkerRoom(int Slots, int MemoryMb, bool IsEmpty)
{
    public bool Fits(TaskInfo task) => (task.Slots <= Slots || IsEmpty) && task.MemoryMb <= MemoryMb;
}
