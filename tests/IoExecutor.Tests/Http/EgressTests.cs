using System.Net;
using Beamline.Contracts.Errors;
using Beamline.IoExecutor.Blocks.Http;
using Beamline.TestKit.Blocks;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace Beamline.IoExecutor.Tests.Http;

public sealed class EgressTests
{
    // Every way to write the loopback, a private network, a metadata service.
    [Theory]
    [InlineData("http://127.0.0.1/")]
    [InlineData("http://127.1/")]
    [InlineData("http://127.0.1/")]
    [InlineData("http://127.255.255.254/")]
    [InlineData("http://2130706433/")]
    [InlineData("http://0x7f000001/")]
    [InlineData("http://0x7f.0.0.1/")]
    [InlineData("http://0177.0.0.1/")]
    [InlineData("http://017700000001/")]
    [InlineData("http://localhost/")]
    [InlineData("http://LOCALHOST/")]
    [InlineData("http://[::1]/")]
    [InlineData("http://[0:0:0:0:0:0:0:1]/")]
    [InlineData("http://[::ffff:127.0.0.1]/")]
    [InlineData("http://[::ffff:7f00:1]/")]
    [InlineData("http://[::127.0.0.1]/")]
    [InlineData("http://[64:ff9b::7f00:1]/")]
    [InlineData("http://[2002:7f00:1::]/")]
    [InlineData("http://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/")]
    [InlineData("http://0.0.0.0/")]
    [InlineData("http://0/")]
    [InlineData("http://[::]/")]
    [InlineData("http://10.0.0.1/")]
    [InlineData("http://172.16.0.1/")]
    [InlineData("http://172.31.255.255/")]
    [InlineData("http://192.168.1.1/")]
    [InlineData("http://100.64.0.1/")]
    [InlineData("http://198.18.0.1/")]
    [InlineData("http://[fc00::1]/")]
    [InlineData("http://[fd12:3456::1]/")]
    [InlineData("http://169.254.169.254/latest/meta-data/")]
    [InlineData("http://2852039166/")]
    [InlineData("http://0xa9fea9fe/")]
    [InlineData("http://[::ffff:169.254.169.254]/")]
    [InlineData("http://[64:ff9b::a9fe:a9fe]/")]
    [InlineData("http://169.254.170.2/")]
    [InlineData("http://100.100.100.200/")]
    [InlineData("http://168.63.129.16/")]
    [InlineData("http://[fd00:ec2::254]/")]
    [InlineData("http://[fe80::1]/")]
    [InlineData("http://[fe80::1%25lo]/")]
    [InlineData("http://[fec0::1]/")]
    [InlineData("http://224.0.0.1/")]
    [InlineData("http://[ff02::1]/")]
    [InlineData("http://255.255.255.255/")]
    [InlineData("http://240.0.0.1/")]
    [InlineData("http://192.0.2.1/")]
    [InlineData("http://127\u30020\u30020\u30021/")]
    public async Task An_inner_address_is_not_reached_however_it_is_written(string url)
    {
        var outcome = await HttpFixture.Strict().RunAsync($$"""{"url": "{{url}}"}""");
        Assert.Equal("egress_refused", outcome.Reason(ErrorCode.PermissionDenied));
        Assert.False(outcome.Retryable);
    }

    // Some resolvers read these as the loopback, some as no name at all.
    [Theory]
    [InlineData("http://127.0.0.1./")]
    [InlineData("http://localhost./")]
    [InlineData("http://\u2460\u2461\u2466.0.0.1/")]
    public async Task A_form_that_only_some_resolvers_read_is_refused_or_resolves_to_nothing(string url)
    {
        var outcome = await HttpFixture.Strict().RunAsync($$"""{"url": "{{url}}"}""");
        Assert.Contains(outcome.Code, new[] { ErrorCode.PermissionDenied, ErrorCode.NetworkError });
    }

    [Theory]
    [InlineData("8.8.8.8", nameof(AddressKind.Public))]
    [InlineData("2606:4700::1111", nameof(AddressKind.Public))]
    [InlineData("64:ff9b::808:808", nameof(AddressKind.Public))]
    [InlineData("172.32.0.1", nameof(AddressKind.Public))]
    [InlineData("100.128.0.1", nameof(AddressKind.Public))]
    [InlineData("127.0.0.1", nameof(AddressKind.Local))]
    [InlineData("::ffff:10.0.0.1", nameof(AddressKind.Local))]
    [InlineData("fe80::1", nameof(AddressKind.Forbidden))]
    [InlineData("::", nameof(AddressKind.Forbidden))]
    [InlineData("64:ff9b:1::1", nameof(AddressKind.Forbidden))]
    [InlineData("4000::1", nameof(AddressKind.Forbidden))]
    public void Addresses_are_sorted_by_what_they_lead_to(string address, string kind) =>
        Assert.Equal(kind, AddressKinds.Of(IPAddress.Parse(address)).ToString());

    [Theory]
    [InlineData("127.0.0.1", "127.0.0.1", 80, true)]
    [InlineData("127.0.0.1:8080", "127.0.0.1", 8080, true)]
    [InlineData("127.0.0.1:8080", "127.0.0.1", 8081, false)]
    [InlineData("127.0.0.0/8", "127.9.9.9", 1, true)]
    [InlineData("10.0.0.0/8", "127.0.0.1", 80, false)]
    [InlineData("[::1]:80", "::1", 80, true)]
    [InlineData("[::1]:80", "::1", 81, false)]
    [InlineData("::1", "::1", 81, true)]
    [InlineData("0.0.0.0/0", "169.254.169.254", 80, false)]
    [InlineData("169.254.169.254", "169.254.169.254", 80, false)]
    public void A_rule_opens_what_it_names_and_never_what_is_forbidden(string rule, string address, int port, bool allowed)
    {
        var policy = new EgressPolicy(Options.Create(new HttpBlockOptions { Egress = { Allow = [rule] } }), new PlatformPorts());
        Assert.Equal(allowed, policy.WhyRefused("some.host", port, IPAddress.Parse(address)) is null);
    }

    [Fact]
    public void A_rule_with_a_host_opens_that_name_alone()
    {
        var policy = new EgressPolicy(Options.Create(new HttpBlockOptions { Egress = { Allow = ["pages.internal:80"] } }), new PlatformPorts());
        Assert.Null(policy.WhyRefused("Pages.Internal", 80, IPAddress.Parse("10.0.0.1")));
        Assert.NotNull(policy.WhyRefused("other.internal", 80, IPAddress.Parse("10.0.0.1")));
        Assert.NotNull(policy.WhyRefused("pages.internal", 80, IPAddress.Parse("169.254.169.254")));
    }

    [Theory]
    [InlineData("10.0.0.0/33")]
    [InlineData("host:0")]
    [InlineData("host:99999")]
    [InlineData("a b")]
    [InlineData("")]
    public void A_rule_that_cannot_be_read_stops_the_start(string rule) =>
        Assert.Throws<OptionsValidationException>(() => new EgressPolicy(Options.Create(new HttpBlockOptions { Egress = { Allow = [rule] } }), new PlatformPorts()));

    [Fact]
    public async Task The_platforms_own_ports_stay_closed_even_where_the_address_is_allowed()
    {
        await using var server = await LocalServer.StartAsync(http => http.Response.WriteAsync("inside"));
        var platform = new PlatformPorts();
        platform.Deny(server.Port);
        var block = HttpFixture.Block(platform: platform);
        Assert.Equal("egress_refused", (await block.RunAsync($$"""{"url": "{{server.Url}}"}""")).Reason(ErrorCode.PermissionDenied));
        var listed = HttpFixture.Block(http => http.Egress.PlatformPorts = [server.Port]);
        Assert.Equal("egress_refused", (await listed.RunAsync($$"""{"url": "{{server.Url}}"}""")).Reason(ErrorCode.PermissionDenied));
    }

    [Fact]
    public async Task The_refusal_tells_a_stranger_no_address()
    {
        var outcome = await HttpFixture.Strict().RunAsync("""{"url": "http://localhost/"}""");
        Assert.DoesNotContain("127.0.0.1", outcome.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("::1", outcome.Message, StringComparison.Ordinal);
    }
}
