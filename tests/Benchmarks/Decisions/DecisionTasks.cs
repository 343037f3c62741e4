using System.Globalization;
using Beamline.Contracts.Admission;
using Beamline.Contracts.Assignments;
using Beamline.Contracts.Json;
using Beamline.Scheduler.Admission;
using Beamline.Scheduler.Core;

namespace Beamline.Benchmarks.Decisions;

/// <summary>
/// Assignments as a Router sends them, read the way the scheduler reads them: ten block types, ten priorities, sixteen
/// concurrency keys a tenant, memory and CPU time declared.
/// </summary>
internal sealed class DecisionTasks(int tenants)
{
    public const string Pool = "io";

    public static readonly string[] Types =
    [
        "http.request", "http.stream_upload", "fs.blob_put", "fs.blob_get", "sql.query",
        "ai.generate", "crypto.hash", "crypto.sign", "crypto.verify", "media.render",
    ];

    private static readonly string Content = new('x', 128);
    private int _made;

    public int Tenants => tenants;

    public static string TenantName(int tenant) => string.Create(CultureInfo.InvariantCulture, $"tenant-{tenant:D6}");

    public static int TenantNumber(string name) => int.Parse(name.AsSpan(7), CultureInfo.InvariantCulture);

    /// <summary>Another task of any tenant, each in its turn.</summary>
    public Candidate Next() => NextOf(_made % tenants);

    public Candidate NextOf(int tenant)
    {
        var number = _made++;

        // Of the ordinal within the tenant, so that each tenant has all types, keys and priorities.
        var ordinal = (number / tenants) + (tenant * 7);
        var type = Types[ordinal % Types.Length];

        // One type is written and another one queued: this build refuses types that it does not implement, and the core takes any.
        var json = RawJson.FromString(string.Create(CultureInfo.InvariantCulture, $$$"""
            {"version":"1","assignment_id":"asg-{{{number:D32}}}","request_id":"req-{{{number:D32}}}","tenant_id":"{{{TenantName(tenant)}}}","trace_id":"{{{number:x32}}}","flow_id":"flow-{{{number / 10:D12}}}","step_id":"step-{{{number:D12}}}","traceparent":"00-{{{number:x32}}}-{{{number:x16}}}-01","priority":{{{ordinal * 3 % 10}}},"executor":{"provider_id":"default"},"job":{"type":"http.request","method":"POST","url":"https://api.example.com/process","content":"{{{Content}}}","timeout_ms":30000,"retry":{"max_retries":2,"backoff_ms":100},"resources":{"memory_mb":64,"cpu_time_ms":1000},"concurrency_key":"key-{{{ordinal % 16:D2}}}.example.com"}}
            """));
        var item = new AdmitItem { Assignment = json, Source = AdmitSources.Gateway, Principal = "bench" };
        var read = AdmissionItem.Read(item, watcher: null);
        var candidate = read.Candidate ?? throw new InvalidOperationException($"The bench made a bad assignment: {read.Reading.Faults[0]}");
        return candidate with { Draft = candidate.Draft with { Type = type, Cost = BlockTypes.Find(type)!.EstimatedCostMs } };
    }
}
