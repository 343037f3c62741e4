using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using static Beamline.Local.Demo.Judges;

namespace Beamline.Local.Demo;

/// <summary>The demo's tasks, over every pool. Each expectation is computed here, from the inputs, not by Beamline.</summary>
internal static class DemoTasks
{
    private const int MatrixSize = 24;

    /// <param name="web">The demo's web server.</param>
    /// <param name="run">Makes file and path names of this run its own.</param>
    /// <param name="sabotage">Alters one submitted input after its expectation was computed: the demo must notice.</param>
    public static IReadOnlyList<DemoTask> Make(Uri web, string run, bool sabotage)
    {
        var poem = string.Concat(Enumerable.Repeat("Every beam carries its load. ", 200));
        var hashed = sabotage ? poem + " " : poem;
        var database = DemoDatabase.Make();
        var note = $"kept by run {run}";
        var (a, b, product) = Matrices();

        return
        [
            new("page", Http("GET", web, "/page"), "200 and the page's bytes", All(Status("success"), Output("status_code", "200"), Output("body", DemoWebServer.Page))),
            new("echo", With(Http("POST", web, "/echo"), ("body", "Grüße 🚦")), "the body comes back", All(Status("success"), Output("body", "Grüße 🚦"))),
            new("flaky service", With(Http("GET", web, "/flaky/" + run), ("retry", new JsonObject { ["max_retries"] = 4, ["backoff_ms"] = 20 })),
                "succeeds at the third try", All(Status("success"), Output("body", "recovered"), RetriesUsed(2))),
            new("write a note", Job("fs.blob_put", ("path", $"/demo/{run}.txt"), ("content", note), ("content_type", "text/plain")),
                "its sha-256", All(Status("success"), Output("sha256", Sha256(note)), Output("size_bytes", Length(note)))),
            new("read it back", Job("fs.blob_get", ("path", $"/demo/{run}.txt")), "the same text", All(Status("success"), Output("content", note))) { After = "write a note" },
            new("store a database", Job("fs.blob_put", ("path", $"/demo/{run}.db"), ("content_base64", Convert.ToBase64String(database))),
                "its sha-256", All(Status("success"), Output("sha256", Convert.ToHexStringLower(SHA256.HashData(database))))),
            new("riders by city", Job("sql.query", ("connection_string", $"sqlite://demo/{run}.db"),
                ("query", "SELECT city, SUM(riders) AS riders FROM rides GROUP BY city ORDER BY riders DESC")),
                "sums made by hand", All(Status("success"), Rows(RidersByCity()))) { After = "store a database" },
            new("lines in Oslo", Job("sql.query", ("connection_string", $"sqlite://demo/{run}.db"),
                ("query", "SELECT COUNT(*) AS n FROM rides WHERE city = ? AND line = ?"), ("parameters", new JsonArray("Oslo", "red"))),
                "2", All(Status("success"), Rows("{\"n\":2}"))) { After = "store a database" },
            new("sha-256", Job("crypto.hash", ("algorithm", "sha256"), ("content", hashed)), "the digest", All(Status("success"), Output("digest", Sha256(poem)))),
            new("sha-512", Job("crypto.hash", ("algorithm", "sha512"), ("content_base64", Convert.ToBase64String(database))),
                "the digest", All(Status("success"), Output("digest", Convert.ToHexStringLower(SHA512.HashData(database))))),
            new("matrix product", Job("compute.matmul", ("a", MatrixInput(a)), ("b", MatrixInput(b))),
                "within rounding of a double sum", All(Status("success"), Matrix(product, MatrixSize))),
            new("ask for leave", Job("human.approval", ("prompt", "May the beam be lit?"), ("approvers", new JsonArray("the keeper"))),
                "the keeper's yes", All(Status("success"), Output("approved", "true"), Output("approver", "the keeper"))) { ApprovedBy = "the keeper" },
            new("never answers", With(Http("GET", web, "/never"), ("timeout_ms", 700)), "timeout 5002", All(Status("timeout"), ErrorCode(5002))),
            new("page is gone", Http("GET", web, "/gone"), "error 3003, dead-lettered", All(Status("error"), ErrorCode(3003))) { ExpectedEvent = "dead_lettered" },
            new("called off", Http("GET", web, "/never"), "cancelled 5001", All(Status("cancelled"), ErrorCode(5001))) { CancelWhenStarted = true },
        ];
    }

    private static JsonObject Job(string type, params (string Name, JsonNode Value)[] members) => With(new JsonObject { ["type"] = type }, members);

    private static JsonObject Http(string method, Uri web, string path) =>
        Job("http.request", ("method", method), ("url", new Uri(web, path).ToString()));

    private static JsonObject With(JsonObject job, params (string Name, JsonNode Value)[] members)
    {
        foreach (var (name, value) in members)
        {
            job[name] = value;
        }

        return job;
    }

    private static string Sha256(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));

    private static string Length(string text) => Encoding.UTF8.GetByteCount(text).ToString(CultureInfo.InvariantCulture);

    private static string[] RidersByCity() =>
    [
        .. DemoDatabase.Rides.GroupBy(ride => ride.City).Select(city => (city.Key, Riders: city.Sum(ride => ride.Riders)))
            .OrderByDescending(city => city.Riders)
            .Select(city => new JsonObject { ["city"] = city.Key, ["riders"] = city.Riders }.ToJsonString()),
    ];

    private static (float[] A, float[] B, double[] Product) Matrices()
    {
        var random = new Random(7);
        var a = Enumerable.Range(0, MatrixSize * MatrixSize).Select(_ => (float)Math.Round(random.NextDouble(), 3)).ToArray();
        var b = Enumerable.Range(0, MatrixSize * MatrixSize).Select(_ => (float)Math.Round(random.NextDouble(), 3)).ToArray();
        var product = new double[MatrixSize * MatrixSize];
        for (var row = 0; row < MatrixSize; row++)
        {
            for (var column = 0; column < MatrixSize; column++)
            {
                for (var k = 0; k < MatrixSize; k++)
                {
                    product[(row * MatrixSize) + column] += (double)a[(row * MatrixSize) + k] * b[(k * MatrixSize) + column];
                }
            }
        }

        return (a, b, product);
    }

    private static JsonObject MatrixInput(float[] data) => new()
    {
        ["shape"] = new JsonArray(MatrixSize, MatrixSize),
        ["data"] = new JsonArray([.. data.Select(value => (JsonNode)value)]),
    };
}
