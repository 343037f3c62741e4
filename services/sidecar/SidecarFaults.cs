namespace Beamline.Sidecar;

public enum FaultMode
{
    Up,

    /// <summary>Every operation fails; the bus delivers nothing.</summary>
    Away,

    /// <summary>Every operation waits for the delay first.</summary>
    Slow,
}

/// <summary>Switches the bus and the state stores off or slow, for tests of what stands on them.</summary>
public sealed class SidecarFaults
{
    public FaultSwitch Bus { get; } = new();

    public FaultSwitch State { get; } = new();
}

public sealed class FaultSwitch
{
    private Setting _setting = new(FaultMode.Up, TimeSpan.Zero);

    /// <summary>Fires after each change.</summary>
    internal event Action? Changed;

    public FaultMode Mode => _setting.Mode;

    public TimeSpan Delay => _setting.Delay;

    public void Up() => Set(FaultMode.Up, TimeSpan.Zero);

    public void Away() => Set(FaultMode.Away, TimeSpan.Zero);

    public void Slow(TimeSpan delay) => Set(FaultMode.Slow, delay);

    internal void Set(FaultMode mode, TimeSpan delay)
    {
        Volatile.Write(ref _setting, new Setting(mode, delay));
        Changed?.Invoke();
    }

    /// <summary>False when away; otherwise waits for the delay, if any.</summary>
    internal ValueTask<bool> PassAsync(TimeProvider time, CancellationToken cancellation)
    {
        var setting = Volatile.Read(ref _setting);
        return setting.Mode switch
        {
            FaultMode.Away => new(false),
            FaultMode.Slow => SlowAsync(setting.Delay, time, cancellation),
            _ => new(true),
        };
    }

    private static async ValueTask<bool> SlowAsync(TimeSpan delay, TimeProvider time, CancellationToken cancellation)
    {
        await Task.Delay(delay, time, cancellation).ConfigureAwait(false);
        return true;
    }

    private sealed record Setting(FaultMode Mode, TimeSpan Delay);
}
