using System.Numerics;

namespace Beamline.Scheduler.Core.Fairness;

/// <summary>
/// What a task takes of a worker, as a class: <see cref="Light"/> fits wherever a slot is free; the others must be tried. The fit
/// itself goes by the exact figures. Memory is told apart exactly, since what no worker is large enough for would stand before
/// smaller ones of its class for ever; a task that needs many slots gets an empty worker in time. A task on its last delivery has a
/// class of its own: see <see cref="WorkerRoom.HasLastChance"/>.
/// </summary>
/// <param name="SlotsLog2">Slots, in powers of two.</param>
/// <param name="MemoryMb">Memory; negative in a class of <see cref="Rounded"/> sizes.</param>
/// <param name="LastChance">One more lost worker, and it is given up.</param>
internal readonly record struct TaskSize(int SlotsLog2, int MemoryMb, bool LastChance)
{
    public static readonly TaskSize Light;

    public bool IsLight => this == Light;

    /// <summary>Powers of two: few classes, for a tenant that declares too many odd sizes.</summary>
    public TaskSize Rounded => MemoryMb > 0 ? this with { MemoryMb = -1 - BitOperations.Log2((uint)MemoryMb) } : this;

    public static TaskSize Of(TaskEntry entry) => new(BitOperations.Log2((uint)entry.Info.Slots), entry.Info.MemoryMb, entry.IsLastChance);
}

/// <summary>What a worker has left to give.</summary>
/// <param name="Slots">Free slots.</param>
/// <param name="MemoryMb">Memory not declared by a lease in its hands; <see cref="int.MaxValue"/> when it states no limit.</param>
/// <param name="IsEmpty">It holds no lease: then a task wider than the whole worker is given to it too, or it would never run.</param>
/// <param name="HasLastChance">
/// It holds a task on its last delivery, and gets no other such: when a step that kills its worker and the innocent beside it have
/// come back together for the last time, they part.
/// </param>
internal readonly record struct WorkerRoom(int Slots, int MemoryMb, bool IsEmpty, bool HasLastChance)
{
    public bool Fits(TaskEntry entry) =>
        (entry.Info.Slots <= Slots || IsEmpty) && entry.Info.MemoryMb <= MemoryMb && !(HasLastChance && entry.IsLastChance);
}
