namespace Beamline.Observability.Tests;

public class RedactionTests
{
    [Theory]
    [InlineData("Authorization: Bearer abc.def", "Authorization: [redacted]")]
    [InlineData("Authorization: Basic dXNlcjpwYXNz, next", "Authorization: [redacted], next")]
    [InlineData("""{"authorization":"Bearer abc","b":1}""", """{"authorization":"[redacted]","b":1}""")]
    [InlineData("""{"Authorization":["Bearer abc"]}""", """{"Authorization":["[redacted]"]}""")]
    [InlineData("got bearer abc123== back", "got bearer [redacted] back")]
    [InlineData("dapr-api-token: sesame", "dapr-api-token: [redacted]")]
    [InlineData("Server=x;Password=p w;User=u", "Server=x;Password=[redacted] w;User=u")]
    [InlineData("Server=x;Pwd='p w';User=u", "Server=x;Pwd=[redacted];User=u")]
    [InlineData("""{"password":"p1","x":2}""", """{"password":[redacted],"x":2}""")]
    [InlineData("nats://me:pass@host:4222", "nats://me:[redacted]@host:4222")]
    [InlineData("use {{secret:db/pass}} here", "use [redacted] here")]
    [InlineData("the author of passwords at home@example.org", "the author of passwords at home@example.org")]
    [InlineData("http://127.0.0.1:8080/a@b", "http://127.0.0.1:8080/a@b")]
    public void Secrets_go_and_the_rest_stays(string text, string clean) => Assert.Equal(clean, Redaction.Text(text));

    [Theory]
    [InlineData("Authorization", true)]
    [InlineData("DaprApiToken", true)]
    [InlineData("ClientSecret", true)]
    [InlineData("Password", true)]
    [InlineData("Author", false)]
    [InlineData("TokenCount", false)]
    [InlineData("SecretStore", false)]
    public void Some_names_are_secrets_as_a_whole(string name, bool secret) => Assert.Equal(secret, Redaction.IsSecretName(name));

    [Fact]
    public void Long_hostile_text_takes_no_longer_than_its_length()
    {
        var text = string.Concat(Enumerable.Repeat("authorization authorization: password bearer ://", 20_000));

        // A backtracking explosion would not end within the test run's limit.
        Assert.NotEmpty(Redaction.Text(text));
    }
}
