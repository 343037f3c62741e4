using Microsoft.Extensions.Configuration;

namespace Beamline.Observability.Tests;

public class SettingsTests
{
    [Theory]
    [InlineData("--cpu-pool-size", "WORKER_CPU_POOL_SIZE", "Worker:CpuPoolSize")]
    [InlineData("--gpu-pool-size", "WORKER_GPU_POOL_SIZE", "Worker:GpuPoolSize")]
    [InlineData("--io-pool-size", "WORKER_IO_POOL_SIZE", "Worker:IoPoolSize")]
    [InlineData("--max-memory-mb", "WORKER_MAX_MEMORY_MB", "Worker:MaxMemoryMb")]
    [InlineData("--max-cpu-time-ms", "WORKER_MAX_CPU_TIME_MS", "Worker:MaxCpuTimeMs")]
    [InlineData("--sandbox-mode", "WORKER_SANDBOX_MODE", "Worker:SandboxMode")]
    [InlineData("--nats-url", "NATS_URL", "Nats:Url")]
    [InlineData("--prometheus-endpoint", "PROMETHEUS_ENDPOINT", "Prometheus:Endpoint")]
    [InlineData("--otel-exporter-otlp-endpoint", "OTEL_EXPORTER_OTLP_ENDPOINT", "Otel:Endpoint")]
    public void Command_line_wins_over_environment_over_file(string option, string variable, string key)
    {
        Assert.Equal("file", Read(key, []));
        Assert.Equal("environment", Read(key, [], (variable, "environment")));
        Assert.Equal("line", Read(key, [option, "line"], (variable, "environment")));
        Assert.Equal("line", Read(key, [$"{option}=line"], (variable, "environment")));
        Assert.Equal("key", Read(key, [$"--{key}=key"], (variable, "environment")));
    }

    [Theory]
    [InlineData("--cpu-pol-size", "unknown option --cpu-pol-size; did you mean --cpu-pool-size, --gpu-pool-size, --io-pool-size?")]
    [InlineData("--memory", "unknown option --memory; did you mean --max-memory-mb?")]
    [InlineData("--nats-url", "--nats-url needs a value")]
    [InlineData("stray", "unexpected argument \"stray\": settings have the form --name value")]
    public void A_typing_error_is_said_and_the_near_names_with_it(string argument, string message) =>
        Assert.Equal(message, Assert.Throws<SettingsException>(() => Read("x", [argument])).Message);

    [Fact]
    public void An_option_far_from_all_lists_all() =>
        Assert.Contains("--max-memory-mb, --max-cpu-time-ms", Assert.Throws<SettingsException>(() => Read("x", ["--zzzzzzzz", "1"])).Message);

    [Fact]
    public void An_option_does_not_swallow_the_next_one() =>
        Assert.Equal("--nats-url needs a value", Assert.Throws<SettingsException>(() => Read("x", ["--nats-url", "--cpu-pool-size", "1"])).Message);

    [Fact]
    public void The_hosts_own_options_and_a_services_settings_are_known()
    {
        var configuration = Build(["--urls", "http://127.0.0.1:0", "--lanes", "4"], [new Setting("lanes", null, "Scheduler:Lanes")]);

        Assert.Equal("4", configuration["Scheduler:Lanes"]);
    }

    private static string? Read(string key, string[] args, params (string Name, string Value)[] environment)
    {
        // The variables are put where the environment's source stands, so that the test needs no process-wide state.
        var configuration = new ConfigurationManager();
        configuration.AddInMemoryCollection([KeyValuePair.Create(key, (string?)"file")]);
        configuration.AddInMemoryCollection(environment.Select(variable => KeyValuePair.Create(variable.Name, (string?)variable.Value)));
        configuration.AddEnvironmentVariables("NO_VARIABLE_HAS_THIS_PREFIX_");
        configuration.AddCommandLine(args);
        SettingsMapping.Apply(configuration, Setting.Contracted);
        return configuration[key];
    }

    private static ConfigurationManager Build(string[] args, IReadOnlyList<Setting> settings)
    {
        var configuration = new ConfigurationManager();
        configuration.AddCommandLine(args);
        SettingsMapping.Apply(configuration, [.. Setting.Contracted, .. settings]);
        return configuration;
    }
}
