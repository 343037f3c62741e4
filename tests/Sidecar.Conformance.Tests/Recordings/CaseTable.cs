namespace Beamline.Sidecar.Conformance.Tests.Recordings;

internal enum Verdict
{
    /// <summary>Status, contractual headers, bodies, deliveries and wire payloads are those of the recording.</summary>
    Exact,

    /// <summary>The case shows the broker, not the sidecar; everything but the broker's own part is compared.</summary>
    BrokerOnly,

    /// <summary>Not supported: the sidecar says so, naming what it refuses.</summary>
    Refused,

    /// <summary>Supported and wrong: a debt. The suite prints these, and fails once one has become exact.</summary>
    Differs,
}

/// <param name="Reason">Why not exact; for <see cref="Verdict.Refused"/> the word that the refusal must contain.</param>
internal sealed record TableRow(string File, string Name, Verdict Verdict, string Reason);

/// <summary><c>cases.csv</c>: the one place that says how the sidecar stands to each recorded case.</summary>
internal static class CaseTable
{
    private static readonly Lazy<IReadOnlyDictionary<string, TableRow>> Loaded = new(() => Read().ToDictionary(row => $"{row.File}/{row.Name}"));

    public static IReadOnlyDictionary<string, TableRow> Rows => Loaded.Value;

    private static IEnumerable<TableRow> Read() =>
        from line in File.ReadLines(Path.Combine(AppContext.BaseDirectory, "cases.csv")).Skip(1)
        where line.Length > 0
        let cells = line.Split(',', 4)
        select new TableRow(cells[0], cells[1], ParseVerdict(cells[2]), cells[3]);

    private static Verdict ParseVerdict(string cell) => cell switch
    {
        "exact" => Verdict.Exact,
        "broker-only" => Verdict.BrokerOnly,
        "refused" => Verdict.Refused,
        "differs" => Verdict.Differs,
        _ => throw new FormatException($"cases.csv: unknown verdict '{cell}'"),
    };
}
