using Beamline.Contracts.DeadLetters;
using Beamline.Contracts.Json;

namespace Beamline.Contracts.Tests.DeadLetters;

public sealed class Redacting_secrets
{
    [Theory]
    [InlineData("""{"headers":{"Authorization":"Bearer S3CRET"}}""")]
    [InlineData("""{"headers":{"proxy-authorization":["Basic S3CRET","x"]}}""")]
    [InlineData("""{"headers":{"Cookie":"a=S3CRET","X-API-Key":"S3CRET"}}""")]
    [InlineData("""{"headers":[["Authorization","S3CRET"]]}""")]
    [InlineData("""{"headers":[{"name":"X-Api-Key","value":"S3CRET"}]}""")]
    [InlineData("""{"headers":["Authorization: Bearer S3CRET"]}""")]
    [InlineData("""{"api_key":"S3CRET","token":{"v":["S3CRET"]},"PassWord":"S3CRET","client_secret":"S3CRET"}""")]
    [InlineData("""{"connection_string":"Host=h;Password=S3CRET;Database=d"}""")]
    [InlineData("""{"connection_string":"Host=h;Pwd = 'S3;CRET S3CRET';Database=d"}""")]
    [InlineData("""{"url":"https://user:S3CRET@example.com/x"}""")]
    [InlineData("""{"body":"user=a&password=S3CRET&x=1"}""")]
    [InlineData("""{"body":"{\"user\":\"a\",\"password\":\"S3CRET\"}"}""")]
    [InlineData("""{"headers":{"Authorization":"S3CRET {{secret:x}}"}}""")]
    [InlineData("""{"\u0070assword":"S3CRET"}""")]
    public void A_secret_goes(string json)
    {
        var redacted = Redact(json);

        Assert.DoesNotContain("S3CRET", redacted);
        Assert.Contains(Redaction.Mark, redacted);
        using var _ = RawJson.FromString(redacted).Parse();
    }

    [Theory]
    [InlineData("""{"headers":{"Authorization":"Bearer {{secret:key}}","Accept":"x"}}""")]
    [InlineData("""{"password":"{{secret:db}}","connection_string":"Host=h;Password={{secret:db}};Database=d"}""")]
    [InlineData("""{"big":123456789012345678901234567890,"pi":3.1400,"list":[1,null,true,{"a":"b"}]}""")]
    [InlineData("""{"url":"https://example.com/a?x=1","tokens":7,"path":"/data/password.txt"}""")]
    public void What_is_no_secret_stays_as_it_is(string json) => Assert.Equal(json, Redact(json));

    private static string Redact(string json) => Redaction.Redact(RawJson.FromString(json)).ToString();
}
