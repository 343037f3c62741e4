namespace Beamline.ExecutorHost.Tests.Harness;

/// <summary>How long a test waits for what has to come: far longer than it takes, so that only a real fault fails.</summary>
internal static class Patience
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    public static Task Soon(this Task task) => task.WaitAsync(Limit, TestContext.Current.CancellationToken);

    public static Task<T> Soon<T>(this Task<T> task) => task.WaitAsync(Limit, TestContext.Current.CancellationToken);

    /// <summary>For what can only be looked at.</summary>
    public static void Eventually(Func<bool> holds) => Assert.True(SpinWait.SpinUntil(holds, Limit));

    public static Task BecomesAsync(Func<bool> holds) => Task.Run(() => Eventually(holds), TestContext.Current.CancellationToken);
}
