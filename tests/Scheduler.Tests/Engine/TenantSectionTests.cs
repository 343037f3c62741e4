using Microsoft.Extensions.Options;

namespace Beamline.Scheduler.Tests.Engine;

/// <summary>What is wrong in section Tenants keeps the scheduler from starting, and is told by its place.</summary>
public sealed class TenantSectionTests
{
    [Theory]
    [InlineData("Tenants:Default:MaxQueud", "5", "Tenants:Default:MaxQueud is not known")]
    [InlineData("Tenants:Overrides:acme:PerKey:MaxQueued", "5", "Tenants:Overrides:acme:PerKey:MaxQueued is not known")]
    [InlineData("Tenants:Overrides:acme:Keys:0:Nam", "k", "Tenants:Overrides:acme:Keys:0:Nam is not known")]
    [InlineData("Tenants:Override:acme:MaxQueued", "5", "Tenants:Override is not known")]
    [InlineData("Tenants:Overrides:acme", "5", "Tenants:Overrides:acme is \"5\"")]
    [InlineData("Tenants:Overrides:two words:MaxQueued", "5", "Tenants:Overrides:two words")]
    [InlineData("Tenants:Default:AdmitPerSecond", "1e400", "Tenants:Default:AdmitPerSecond")]
    [InlineData("Tenants:Default:AdmitPerSecond", "1e-14", "Tenants:Default:AdmitPerSecond")]
    [InlineData("Tenants:Default:StartsPerSecond", "NaN", "Tenants:Default:StartsPerSecond")]
    [InlineData("Tenants:Default:PerKey:StartsPerSecond", "-1", "Tenants:Default:PerKey")]
    public async Task It_is_named(string key, string value, string told)
    {
        var refused = await Assert.ThrowsAsync<OptionsValidationException>(() => SchedulerFixture.StartAsync(settings: (key, value)));
        Assert.StartsWith(told, refused.Failures.First(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Every_name_that_there_is_may_stand_in_any_case()
    {
        await using var scheduler = await SchedulerFixture.StartAsync(settings:
        [
            ("Tenants:CpuWindow", "00:05:00"), ("Tenants:default:weight", "2"), ("Tenants:Overrides:acme:Keys:0:Key", "k"), ("Tenants:Overrides:acme:Keys:0:MaxRunning", "1"),
            ("Tenants:Overrides:acme:PerKey:StartsPerSecond", "0.5"), ("Tenants:Overrides:acme:CpuTimePerWindow", "00:01:00"),
        ]);
    }
}
