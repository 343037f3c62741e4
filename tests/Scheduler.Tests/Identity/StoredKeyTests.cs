using System.Text;
using Beamline.Contracts.Json;
using Beamline.Scheduler.Identity;

namespace Beamline.Scheduler.Tests.Identity;

public sealed class StoredKeyTests
{
    [Theory]
    [InlineData("""{"result":{"n":12345678901234567890,"text":"a \"b\" \\ / <é> 😀 \u2028"}}""")]
    [InlineData("{\n\t\"a\": 1\r\n}")]
    [InlineData("")]
    public void A_result_is_written_straight_from_its_bytes_as_it_is_from_its_text(string result)
    {
        var key = new StoredKey { AssignmentId = "a-1 \"é\"", BodyHash = "ab12", Status = "success" };
        var raw = RawJson.FromString(result);
        var written = key.ToJson(raw);
        Assert.Equal(Encoding.UTF8.GetString((key with { Result = raw.ToString() }).ToJson()), Encoding.UTF8.GetString(written));
        Assert.Equal(result, StoredKey.Read(written)!.Result);
    }
}
