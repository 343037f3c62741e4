using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace Beamline.Sqlite.Tests;

public sealed class SqliteEngineTests
{
    private const string ReportVariable = "BEAMLINE_TEST_REPORT_ENGINE";

    /// <summary>A child process says which engine it got and ends before any test runs: the choice is made once a process.</summary>
    [ModuleInitializer]
    internal static void ReportWhenAsked()
    {
        if (Environment.GetEnvironmentVariable(ReportVariable) is { } file)
        {
            var engine = SqliteEngine.Load();
            File.WriteAllText(file, $"{engine.Source} {engine.Version}");
            Environment.Exit(0);
        }
    }

    [Fact]
    public void Loading_twice_gives_the_same_engine() => Assert.Same(SqliteEngine.Load(), SqliteEngine.Load());

    [Fact]
    public async Task The_carried_engine_can_be_forced() =>
        Assert.StartsWith("carried 3.", await ReportOfChildAsync("carried"), StringComparison.Ordinal);

    private static async Task<string> ReportOfChildAsync(string engine)
    {
        var file = Path.GetTempFileName();
        try
        {
            using var child = Process.Start(new ProcessStartInfo(Environment.ProcessPath!)
            {
                Environment = { [ReportVariable] = file, [SqliteEngine.ForceVariable] = engine },
            })!;
            await child.WaitForExitAsync(TestContext.Current.CancellationToken);
            return await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken);
        }
        finally
        {
            File.Delete(file);
        }
    }
}
