using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Configuration.CommandLine;
using Microsoft.Extensions.Configuration.EnvironmentVariables;
using Microsoft.Extensions.Configuration.Memory;

namespace Beamline.Observability;

/// <summary>Puts the contracted option and variable names under the configuration keys, in their place: command line over environment over files.</summary>
internal static class SettingsMapping
{
    // What ASP.NET Core's own host reads from a command line.
    private static readonly string[] HostOptions = ["urls", "environment", "contentRoot", "applicationName"];

    public static void Apply(IConfigurationManager configuration, IReadOnlyList<Setting> settings)
    {
        var sources = configuration.Sources;
        var arguments = sources.OfType<CommandLineConfigurationSource>().SelectMany(source => source.Args).ToArray();
        Check(arguments, settings);

        var variables = Values(settings, setting => setting.Variable is { } name ? configuration[name] : null);
        var options = arguments.Length == 0 ? [] : Values(settings, setting => configuration[setting.Option]);

        // Behind the environment, before the command line; what a host adds later in code wins over both.
        var afterEnvironment = LastIndex<EnvironmentVariablesConfigurationSource>(sources) + 1;
        sources.Insert(afterEnvironment, new MemoryConfigurationSource { InitialData = variables });
        sources.Insert(LastIndex<CommandLineConfigurationSource>(sources) + 1, new MemoryConfigurationSource { InitialData = options });
    }

    private static Dictionary<string, string?> Values(IReadOnlyList<Setting> settings, Func<Setting, string?> read)
    {
        var values = new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase);
        foreach (var setting in settings)
        {
            if (read(setting) is { Length: > 0 } value)
            {
                values[setting.Key] = value;
            }
        }

        return values;
    }

    // ASP.NET Core ignores what it does not know and an option without its value: a typing error would run with defaults.
    private static void Check(string[] arguments, IReadOnlyList<Setting> settings)
    {
        for (var i = 0; i < arguments.Length; i++)
        {
            var argument = arguments[i];
            if (!argument.StartsWith("--", StringComparison.Ordinal))
            {
                throw new SettingsException($"unexpected argument \"{argument}\": settings have the form --name value");
            }

            var name = argument[2..].Split('=', 2)[0];
            if (!IsKnown(name, settings))
            {
                throw new SettingsException(Unknown(name, settings));
            }

            if (!argument.Contains('=') && (++i == arguments.Length || arguments[i].StartsWith("--", StringComparison.Ordinal)))
            {
                throw new SettingsException($"--{name} needs a value");
            }
        }
    }

    // A name with a colon is a configuration key itself: --Scheduler:HoldTime=00:00:05.
    private static bool IsKnown(string name, IReadOnlyList<Setting> settings) => name.Contains(':')
        || HostOptions.Contains(name, StringComparer.OrdinalIgnoreCase)
        || settings.Any(setting => setting.Option.Equals(name, StringComparison.OrdinalIgnoreCase));

    private static string Unknown(string name, IReadOnlyList<Setting> settings)
    {
        var all = settings.Select(setting => setting.Option).Concat(HostOptions).ToArray();
        var near = all.Where(option => EditDistance(option, name) <= Math.Max(2, name.Length / 3) || (name.Length > 2 && option.Contains(name, StringComparison.OrdinalIgnoreCase)))
            .OrderBy(option => EditDistance(option, name))
            .Take(3)
            .ToArray();
        var hint = near.Length > 0 ? "did you mean " : "there are ";
        return $"unknown option --{name}; {hint}{string.Join(", ", (near.Length > 0 ? near : all).Select(option => "--" + option))}?";
    }

    private static int EditDistance(string left, string right)
    {
        var row = Enumerable.Range(0, right.Length + 1).ToArray();
        for (var i = 1; i <= left.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= right.Length; j++)
            {
                var change = diagonal + (char.ToLowerInvariant(left[i - 1]) == char.ToLowerInvariant(right[j - 1]) ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.Min(change, Math.Min(row[j], row[j - 1]) + 1);
            }
        }

        return row[^1];
    }

    private static int LastIndex<TSource>(IList<IConfigurationSource> sources)
    {
        for (var i = sources.Count - 1; i >= 0; i--)
        {
            if (sources[i] is TSource)
            {
                return i;
            }
        }

        return -1;
    }
}
