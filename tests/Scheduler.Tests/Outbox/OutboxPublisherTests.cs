using System.Text;
using System.Text.Json;
using Beamline.Contracts;
using Beamline.Scheduler.Lanes;
using Beamline.Scheduler.Ledger;
using Beamline.Scheduler.Outbox;

namespace Beamline.Scheduler.Tests.Outbox;

public sealed class OutboxPublisherTests
{
    private const string WithBigInteger = """{"id":"result:t:a:0","z":1,"a":12345678901234567890,"html":"<&>"}""";

    [Fact]
    public async Task Committed_rows_arrive_on_their_topics_as_exact_bytes_and_leave_the_ledger()
    {
        await using var bench = new OutboxBench();
        await bench.StartAsync();
        bench.Commit(Rows.Ack(1), Rows.Result(2, result: WithBigInteger));
        await bench.LeftAsync(0);
        Assert.Equal([Topics.Ack, Topics.Result], bench.Sidecar.Messages.Select(message => message.Topic).Order());
        Assert.Equal(WithBigInteger, bench.Sidecar.Messages.Single(message => message.Topic == Topics.Result).Text);
    }

    [Fact]
    public async Task What_an_earlier_run_left_is_published_first()
    {
        await using var bench = new OutboxBench(leftOver: [Rows.Result(1), Rows.Result(2)]);
        await bench.StartAsync();
        await bench.LeftAsync(0);
        Assert.Equal(2, bench.Sidecar.Messages.Count);
    }

    [Fact]
    public async Task A_row_that_was_published_but_not_deleted_goes_out_again_as_the_same_bytes()
    {
        OutboxRow[] rows = [Rows.Ack(1), Rows.Result(2)];
        var first = await PublishAsync(rows);
        var second = await PublishAsync([Rows.Ack(1), Rows.Result(2)]);
        Assert.Equal(first, second);

        static async Task<string[]> PublishAsync(OutboxRow[] rows)
        {
            await using var bench = new OutboxBench(leftOver: rows) { LedgerFull = true };
            await bench.StartAsync();
            await bench.PublishedAsync(rows.Length);
            return [.. bench.Sidecar.Messages.Select(message => message.Text).Order()];
        }
    }

    [Fact]
    public async Task Many_rows_share_a_bulk_and_a_bulk_stays_within_its_bounds()
    {
        await using var bench = new OutboxBench(new LaneOptions { BatchRows = 10, BatchBytes = 2_000 });
        bench.Commit([.. Enumerable.Range(1, 100).Select(id => Rows.Result(id, result: $$"""{"id":"{{id}}","pad":"{{new string('x', 300)}}"}"""))]);
        await bench.StartAsync();
        await bench.LeftAsync(0);
        Assert.Equal(100, bench.Sidecar.Messages.Count);
        Assert.All(bench.Sidecar.Bulks, bulk => Assert.InRange(bulk.Size, 1, 6));
        Assert.All(bench.Sidecar.Messages.GroupBy(message => message.Bulk), bulk => Assert.True(bulk.Sum(message => message.Body.Length) <= 2_000));
    }

    [Fact]
    public async Task A_bulk_holds_at_most_one_message_of_an_assignment()
    {
        await using var bench = new OutboxBench();
        var task = Rows.Task(1);
        bench.Commit(Rows.Ack(1, task, 1), Rows.Ack(2, task, 2), Rows.Ack(3, Rows.Task(3)));
        await bench.StartAsync();
        await bench.LeftAsync(0);
        var acks = bench.Sidecar.Messages.Where(message => message.Text.Contains("\"assign-1\"", StringComparison.Ordinal)).ToList();
        Assert.Equal(2, acks.Select(ack => ack.Bulk).Distinct().Count());
        Assert.Contains("ack:tenant-a:assign-1:1", acks[0].Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task While_the_bus_is_away_it_is_probed_with_one_message_at_a_time_and_then_all_is_published_once()
    {
        await using var bench = new OutboxBench();
        bench.Sidecar.BusAway = true;
        await bench.StartAsync();
        bench.Commit([.. Enumerable.Range(1, 300).Select(id => Rows.Result(id)), .. Enumerable.Range(301, 300).Select(id => Rows.Ack(id))]);
        await bench.Time.RunUntilAsync(bench.Sidecar.UntilAsync(() => bench.Sidecar.Bulks.Count >= 20));
        Assert.All(bench.Sidecar.Bulks.GroupBy(bulk => bulk.Topic).SelectMany(topic => topic.Skip(2)), bulk => Assert.Equal(1, bulk.Size));
        Assert.Empty(bench.Sidecar.Messages);

        var before = bench.Time.GetUtcNow();
        bench.Sidecar.BusAway = false;
        await bench.LeftAsync(0);
        Assert.Equal(600, bench.Sidecar.Messages.Select(message => message.Text).Distinct().Count());
        Assert.Equal(600, bench.Sidecar.Messages.Count);
        Assert.True(bench.Time.GetUtcNow() - before < TimeSpan.FromSeconds(30));
    }

    [Fact]
    public async Task Probes_of_different_topics_never_overlap()
    {
        await using var bench = new OutboxBench();
        bench.Sidecar.BusAway = true;
        await bench.StartAsync();
        bench.Commit(Rows.Result(1), Rows.Ack(2));

        // The first of each topic probe nothing yet and may overlap; with the second on its way the first is over.
        await bench.Time.RunUntilAsync(bench.Sidecar.UntilAsync(() => bench.Sidecar.Bulks.CountBy(bulk => bulk.Topic).Count(topic => topic.Value >= 2) == 2));
        bench.Sidecar.ForgetMost();
        var before = bench.Sidecar.Bulks.Count;
        await bench.Time.RunUntilAsync(bench.Sidecar.UntilAsync(() => bench.Sidecar.Bulks.Count >= before + 30));
        Assert.Equal(1, bench.Sidecar.MostPublishesAtOnce);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task One_message_that_the_broker_refuses_stops_no_other(bool failsItsWholeBulk)
    {
        await using var bench = new OutboxBench();
        (bench.Sidecar.Poison, bench.Sidecar.PoisonFailsBulk) = ("POISON", failsItsWholeBulk);
        bench.Commit([.. Enumerable.Range(1, 500).Select(id => Rows.Result(id, result: id == 137 ? """{"id":"POISON"}""" : null))]);
        await bench.StartAsync();
        await bench.PublishedAsync(499);

        // Counted here: while the ledger takes note, this clock may run on by any number of further tries.
        Assert.True(bench.Sidecar.Bulks.Count < 80, $"{bench.Sidecar.Bulks.Count} calls to get round one message");
        await bench.LeftAsync(1);
        Assert.Equal(499, bench.Sidecar.Messages.Count);

        bench.Sidecar.Poison = null;
        await bench.LeftAsync(0);
        Assert.Equal(500, bench.Sidecar.Messages.Count);
    }

    [Fact]
    public async Task A_topic_without_a_stream_holds_up_no_other_topic()
    {
        await using var bench = new OutboxBench();
        bench.Sidecar.MissingTopics.Add(Topics.Result);
        bench.Commit([.. Enumerable.Range(1, 50).Select(id => Rows.Result(id)), .. Enumerable.Range(51, 50).Select(id => Rows.Ack(id))]);
        await bench.StartAsync();
        await bench.LeftAsync(50);
        Assert.All(bench.Sidecar.Messages, message => Assert.Equal(Topics.Ack, message.Topic));
    }

    [Fact]
    public async Task What_finds_no_room_in_memory_is_read_from_the_ledger_and_published_once()
    {
        await using var bench = new OutboxBench(new LaneOptions { BufferedRows = 20, BatchRows = 16 });
        bench.Sidecar.BusAway = true;
        await bench.StartAsync();
        for (var id = 1; id <= 1_500; id++)
        {
            bench.Commit(Rows.Result(id));
        }

        bench.Sidecar.BusAway = false;
        await bench.LeftAsync(0);
        Assert.Equal(1_500, bench.Sidecar.Messages.Count);
        Assert.Equal(1_500, bench.Sidecar.Messages.Select(message => message.Text).Distinct().Count());
        Assert.True(bench.Reads > 5);
    }

    [Fact]
    public async Task A_ledger_that_cannot_delete_does_not_stop_publishing_and_is_asked_again()
    {
        await using var bench = new OutboxBench { LedgerFull = true };
        await bench.StartAsync();
        bench.Commit(Rows.Result(1));
        await bench.PublishedAsync(1);
        bench.Commit(Rows.Result(2));
        await bench.PublishedAsync(2);
        bench.LedgerFull = false;
        await bench.LeftAsync(0);
        Assert.Equal(2, bench.Sidecar.Messages.Count);
    }

    [Fact]
    public async Task What_leaves_and_what_does_not_is_counted_by_lane()
    {
        await using var bench = new OutboxBench();
        bench.Sidecar.Poison = "POISON";
        bench.Commit(Rows.Ack(1), Rows.Result(2), Rows.Result(3, result: """{"id":"POISON"}"""));
        await bench.StartAsync();
        await bench.LeftAsync(1);
        Assert.Equal(1, bench.Counts[$"scheduler_rows_sent_total lane={Topics.Ack} outcome=left"]);
        Assert.Equal(1, bench.Counts[$"scheduler_rows_sent_total lane={Topics.Result} outcome=left"]);
        Assert.True(bench.Counts[$"scheduler_rows_sent_total lane={Topics.Result} outcome=failed"] >= 1);
    }

    [Fact]
    public void A_dead_letter_carries_the_assignment_without_its_secrets_and_the_result()
    {
        var task = Rows.Task(7);
        var letter = new DeadLetterRow { Id = 3, TaskId = 7, TenantId = task.TenantId, AssignmentId = task.AssignmentId, Reason = "failed", At = 5 };
        using var message = Read(new OutboxRow { Id = 9, Kind = OutboxKind.DeadLetter, TaskId = 7, Task = task, Ending = Rows.Ending(task), DeadLetter = letter, At = 5 });
        Assert.Equal("dlq:tenant-a:assign-7:0", message.RootElement.GetProperty("id").GetString());
        Assert.Equal("assign-7", message.RootElement.GetProperty("assignment").GetProperty("assignment_id").GetString());
        Assert.DoesNotContain("Bearer abc", message.RootElement.GetRawText(), StringComparison.Ordinal);
        Assert.Equal("result:tenant-a:assign-7:0", message.RootElement.GetProperty("result").GetProperty("id").GetString());
    }

    [Fact]
    public void A_dead_letter_of_what_could_not_be_parsed_carries_raw_bytes_cut_at_256_KiB_and_says_so()
    {
        var letter = new DeadLetterRow { Id = 3, Reason = "unparsable", Raw = new byte[300_000], At = 5 };
        using var message = Read(new OutboxRow { Id = 9, Kind = OutboxKind.DeadLetter, DeadLetter = letter, At = 5 });
        Assert.Equal(256 * 1024, message.RootElement.GetProperty("assignment_raw_base64").GetBytesFromBase64().Length);
        Assert.True(message.RootElement.GetProperty("truncated").GetBoolean());
        Assert.StartsWith("dlq:", message.RootElement.GetProperty("id").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Every_message_has_an_id_of_its_own_making()
    {
        using var ack = Read(Rows.Ack(4, Rows.Task(4), number: 2));
        Assert.Equal("ack:tenant-a:assign-4:2", ack.RootElement.GetProperty("id").GetString());
        Assert.Equal("accepted", ack.RootElement.GetProperty("status").GetString());
        Assert.Equal("trace-4", ack.RootElement.GetProperty("trace_id").GetString());
    }

    private static JsonDocument Read(OutboxRow row) => JsonDocument.Parse(Encoding.UTF8.GetString(OutboxMessages.Build(row).Span));
}
