using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using System.Text.Json;
using Beamline.Contracts.Events;
using Beamline.Contracts.Json;
using Beamline.Contracts.Tests.Assignments;
using FsCheck;
using FsCheck.Fluent;

namespace Beamline.Contracts.Tests.Json;

public sealed class Raw_values
{
    [Theory]
    [InlineData("{ \"a\" : [ 1 , {\"b\":\"}\"} ] }")]
    [InlineData("[ ]")]
    [InlineData("\"text with \\\"quotes\\\" and é\"")]
    [InlineData("123456789012345678901234567890")]
    [InlineData("1.50")]
    [InlineData("true")]
    [InlineData("null")]
    public async Task A_value_keeps_its_exact_bytes_whichever_way_it_is_read(string value)
    {
        var bytes = Encoding.UTF8.GetBytes(Around(value));

        Assert.Equal(value, JsonSerializer.Deserialize(bytes, BeamlineJson.Default.TaskEvent)!.Data.ToString());
        Assert.Equal(value, JsonSerializer.Deserialize(Around(value), BeamlineJson.Default.TaskEvent)!.Data.ToString());
        foreach (var piece in (int[])[1, 7, 64])
        {
            var reader = new Utf8JsonReader(InPieces(bytes, piece));
            Assert.Equal(value, JsonSerializer.Deserialize(ref reader, BeamlineJson.Default.TaskEvent)!.Data.ToString());
            using var stream = PipeReader.Create(InPieces(bytes, piece)).AsStream();
            Assert.Equal(value, (await JsonSerializer.DeserializeAsync(stream, BeamlineJson.Default.TaskEvent, TestContext.Current.CancellationToken))!.Data.ToString());
        }
    }

    [Fact]
    public void Any_object_keeps_its_exact_bytes() =>
        Prop.ForAll(JsonText.Objects(), json => JsonSerializer.Deserialize(Around(json), BeamlineJson.Default.TaskEvent)!.Data.ToString() == json).QuickCheckThrowOnFailure();

    [Fact]
    public async Task A_large_value_from_a_slow_stream_stays_whole()
    {
        var value = $$"""{"x":"{{new string('x', 200_000)}}"}""";
        using var stream = PipeReader.Create(InPieces(Encoding.UTF8.GetBytes(Around(value)), 1000)).AsStream();

        Assert.Equal(value, (await JsonSerializer.DeserializeAsync(stream, BeamlineJson.Default.TaskEvent, TestContext.Current.CancellationToken))!.Data.ToString());
    }

    [Fact]
    public async Task Values_that_end_in_the_middle_of_a_stream_stay_whole()
    {
        var values = Enumerable.Range(0, 5000).Select(i => $$"""{"n":{{i}}, "x":[{{new string('1', i % 50 + 1)}}]}""").ToArray();
        var json = $$"""{"id":"p","tenant_id":"t","events":[{{string.Join(',', values.Select(Around))}}]}""";
        using var stream = new Dribble(Encoding.UTF8.GetBytes(json));

        var read = await JsonSerializer.DeserializeAsync(stream, BeamlineJson.Default.TaskEvents, TestContext.Current.CancellationToken);

        Assert.Equal(values, read!.Events.Select(each => each.Data.ToString()));
    }

    [Theory]
    [InlineData("{\"a\":}")]
    [InlineData("[1,2")]
    [InlineData("{\"a\":1}}")]
    public void A_broken_value_is_refused(string value) =>
        Assert.Throws<JsonException>(() => JsonSerializer.Deserialize(Around(value), BeamlineJson.Default.TaskEvent));

    [Theory]
    [InlineData("{\"a\":\n1}", "{\"a\": 1}")]
    [InlineData("{\"a\":\"\\n\"}", "{\"a\":\"\\n\"}")]
    public void On_one_line_it_means_the_same(string value, string expected) =>
        Assert.Equal(expected, RawJson.FromString(value).OnOneLine().ToString());

    private static string Around(string value) =>
        $$"""{"event_id":"e","type":"progress","assignment_id":"a","tenant_id":"t","sequence":1,"at":1,"data": {{value}} ,"flow_id":"f"}""";

    private static ReadOnlySequence<byte> InPieces(byte[] bytes, int size)
    {
        Piece? first = null, last = null;
        foreach (var chunk in bytes.Chunk(size))
        {
            last = new Piece(chunk, last);
            first ??= last;
        }

        return new ReadOnlySequence<byte>(first!, 0, last!, last!.Memory.Length);
    }

    // Hands out a few bytes a read, as a network does.
    private sealed class Dribble(byte[] bytes) : MemoryStream(bytes)
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            base.ReadAsync(buffer[..Math.Min(777, buffer.Length)], cancellationToken);
    }

    private sealed class Piece : ReadOnlySequenceSegment<byte>
    {
        public Piece(byte[] bytes, Piece? before)
        {
            Memory = bytes;
            if (before is not null)
            {
                before.Next = this;
                RunningIndex = before.RunningIndex + before.Memory.Length;
            }
        }
    }
}
