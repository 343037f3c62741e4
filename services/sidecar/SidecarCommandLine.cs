using Beamline.Sqlite;

namespace Beamline.Sidecar;

/// <summary>The process's arguments, read with every fault named at once.</summary>
internal sealed class SidecarCommandLine
{
    public const string Usage =
        """
        usage: sidecar --data DIR [--components DIR] --app ID=PORT[:APPPORT] [--app ...]
          --app ID=PORT[:APPPORT]   listens for the app on 127.0.0.1:PORT (0: any); the app itself listens on APPPORT
          --stream NAME=SUBJECT,..  a stream of the bus (default: CAF, CAF_DLQ, BEAMLINE); naming one replaces them all
          --config FILE             a Dapr Configuration document for every app
          --synchronous full|normal when an answered publish or save is safe (default full: after power loss too)
          --health-check on|off     stop deliveries to an app whose /healthz fails (default on)
          --fault-route on|off      serve /beamline/faults (default off)
        environment: DAPR_API_TOKEN (asked from apps), APP_API_TOKEN (sent to apps)
        """;

    private readonly Dictionary<string, List<string>> _arguments = new(StringComparer.Ordinal);
    private readonly List<string> _faults = [];
    private readonly List<SidecarAppOptions> _apps = [];

    public IReadOnlyList<string> Faults => _faults;

    public SidecarOptions? Options { get; private set; }

    public IReadOnlyList<SidecarAppOptions> Apps => _apps;

    public static SidecarCommandLine Parse(string[] arguments, Func<string, string?> environment)
    {
        var line = new SidecarCommandLine();
        line.Gather(arguments);
        line.Build(environment);
        return line;
    }

    private void Gather(string[] arguments)
    {
        string[] known = ["--data", "--components", "--app", "--stream", "--config", "--synchronous", "--health-check", "--fault-route"];
        string[] repeatable = ["--app", "--stream"];
        for (var index = 0; index < arguments.Length; index += 2)
        {
            var name = arguments[index];
            if (!known.Contains(name))
            {
                _faults.Add($"{name} is not known.");
                index--;
            }
            else if (index + 1 == arguments.Length)
            {
                _faults.Add($"{name} needs a value.");
            }
            else if (_arguments.TryGetValue(name, out var values))
            {
                values.Add(arguments[index + 1]);
                if (!repeatable.Contains(name))
                {
                    _faults.Add($"{name} is given twice.");
                }
            }
            else
            {
                _arguments.Add(name, [arguments[index + 1]]);
            }
        }
    }

    private void Build(Func<string, string?> environment)
    {
        var data = One("--data");
        if (data is null)
        {
            _faults.Add("--data is needed.");
        }

        var synchronous = Choice("--synchronous", "full", "normal") ? SqliteSynchronous.Full : SqliteSynchronous.Normal;
        var healthCheck = Choice("--health-check", "on", "off");
        var faultRoute = _arguments.ContainsKey("--fault-route") && Choice("--fault-route", "on", "off");
        foreach (var app in Many("--app"))
        {
            AddApp(app, healthCheck, environment("APP_API_TOKEN"));
        }

        if (!_arguments.ContainsKey("--app"))
        {
            _faults.Add("--app is needed.");
        }

        Options = new SidecarOptions
        {
            DataDirectory = data ?? "",
            ComponentsPath = One("--components"),
            ApiToken = environment("DAPR_API_TOKEN"),
            Synchronous = synchronous,
            Streams = _arguments.ContainsKey("--stream") ? ReadStreams() : StreamOptions.Defaults,
            EnableFaultRoute = faultRoute,
        };
    }

    private void AddApp(string text, bool healthCheck, string? token)
    {
        var (id, ports) = Split(text, '=');
        var (listen, app) = Split(ports ?? "", ':');
        if (id.Length == 0 || !TryPort(listen, 0, out var listenPort) || (app is not null && !TryPort(app, 1, out _)))
        {
            _faults.Add($"--app {text}: expected ID=PORT or ID=PORT:APPPORT.");
            return;
        }

        _apps.Add(new SidecarAppOptions
        {
            AppId = id,
            ListenPort = listenPort,
            AppEndpoint = app is null ? null : new Uri($"http://127.0.0.1:{app}"),
            AppApiToken = string.IsNullOrEmpty(token) ? null : token,
            EnableAppHealthCheck = healthCheck,
            ConfigPath = One("--config"),
        });
    }

    private List<StreamOptions> ReadStreams()
    {
        var streams = new List<StreamOptions>();
        foreach (var text in Many("--stream"))
        {
            var (name, subjects) = Split(text, '=');
            if (name.Length == 0 || string.IsNullOrEmpty(subjects))
            {
                _faults.Add($"--stream {text}: expected NAME=SUBJECT,SUBJECT.");
                continue;
            }

            streams.Add(new StreamOptions { Name = name, Subjects = subjects.Split(',', StringSplitOptions.RemoveEmptyEntries) });
        }

        return streams;
    }

    /// <summary>True for the first choice, which is also the default.</summary>
    private bool Choice(string name, string first, string second)
    {
        var value = One(name) ?? first;
        if (value != first && value != second)
        {
            _faults.Add($"{name} {value}: expected {first} or {second}.");
        }

        return value == first;
    }

    private string? One(string name) => _arguments.TryGetValue(name, out var values) ? values[0] : null;

    private List<string> Many(string name) => _arguments.TryGetValue(name, out var values) ? values : [];

    private static (string Left, string? Right) Split(string text, char separator)
    {
        var at = text.IndexOf(separator, StringComparison.Ordinal);
        return at < 0 ? (text, null) : (text[..at], text[(at + 1)..]);
    }

    private static bool TryPort(string text, int lowest, out int port) => int.TryParse(text, out port) && port >= lowest && port <= 65535;
}
