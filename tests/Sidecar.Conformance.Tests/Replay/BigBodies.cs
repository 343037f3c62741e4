using System.Text;
using Beamline.Sidecar.Conformance.Tests.Recordings;

namespace Beamline.Sidecar.Conformance.Tests.Replay;

/// <summary>Bodies that the recordings only describe (<c>body_note</c>).</summary>
internal static class BigBodies
{
    private const int FiveMebibytes = 5 * 1024 * 1024;

    public static byte[] Of(RecordedCase recorded) => Encoding.UTF8.GetBytes(recorded.Id switch
    {
        "publish/error-larger-than-nats-max-payload" => JsonOf(1_300_008),
        "publish/error-larger-than-sidecar-limit" => JsonOf(FiveMebibytes + 8),
        "bulk-publish/bulk-partial-failure-too-large" =>
            """[{"entryId":"ok","event":{"a":1},"contentType":"application/json"},{"entryId":"big","event":""" + JsonOf(1_300_008)
            + ""","contentType":"application/json"}]""",
        "invoke/error-too-large-request" => new string('x', FiveMebibytes),
        "state/error-too-large" => """[{"key":"big","value":""" + JsonOf(FiveMebibytes) + "}]",
        _ => throw new NotSupportedException($"{recorded.Id} only describes its body: '{recorded.Request!.BodyNote}'"),
    });

    private static string JsonOf(int length) => $$"""{"p":"{{new string('x', length - 8)}}"}""";
}
