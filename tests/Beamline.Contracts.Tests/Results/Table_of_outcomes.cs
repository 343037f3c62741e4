using Beamline.Contracts.Assignments;
using Beamline.Contracts.Errors;
using Beamline.Contracts.Results;
using Beamline.Contracts.Tests.Golden;

namespace Beamline.Contracts.Tests.Results;

public sealed class Table_of_outcomes
{
    public static TheoryData<string, string> Rows => new()
    {
        { "not valid", "rejected 1002 - - live [rejected]" },
        { "unparsable", "rejected 1003 - - dead [rejected]" },
        { "quota", "rejected 2004 - - live [rejected]" },
        { "overload", "rejected 4002 - - live [rejected]" },
        { "failed", "accepted 3003 error - dead [failed,dead_lettered]" },
        { "timed out", "accepted 5002 timeout - live [timed_out]" },
        { "expired", "accepted 5002 timeout expired live [timed_out]" },
        { "queue timeout", "accepted 5002 timeout queue_timeout live [timed_out]" },
        { "approval refused", "accepted 0 success - live [completed]" },
        { "approval timed out", "accepted 5002 timeout - live [timed_out]" },
        { "cancelled", "accepted 5001 cancelled - live [cancelled]" },
        { "redelivered", "accepted 0 - - live [redelivered]" },
        { "worker lost", "accepted 4001 error worker_lost dead [failed,dead_lettered]" },
        { "duplicate", "accepted 0 - - live []" },
    };

    [Theory]
    [MemberData(nameof(Rows))]
    public void Each_row_is_as_the_contract_has_it(string what, string expected)
    {
        var row = what switch
        {
            "not valid" => Outcomes.Invalid(AssignmentReader.Read("{}"u8.ToArray())),
            "unparsable" => Outcomes.Invalid(AssignmentReader.Read("{"u8.ToArray())),
            "quota" => Outcomes.Quota,
            "overload" => Outcomes.Overload,
            "failed" => Outcomes.For(Steps.Failed()),
            "timed out" => Outcomes.For(Steps.Ok() with { Status = StepStatus.Timeout }),
            "expired" => Outcomes.Expired,
            "queue timeout" => Outcomes.QueueTimeout,
            "approval refused" => Outcomes.ApprovalRefused,
            "approval timed out" => Outcomes.ApprovalTimedOut,
            "cancelled" => Outcomes.For(Steps.Ok() with { Status = StepStatus.Cancelled }),
            "redelivered" => Outcomes.Redelivered,
            "worker lost" => Outcomes.WorkerLost,
            _ => Outcomes.Duplicate,
        };

        // "not valid" rejects with the first fault's own code.
        var code = (int)row.ErrorCode;
        Assert.Equal(expected, $"{row.Ack} {code} {row.ResultStatus ?? "-"} {row.Reason ?? "-"} {(row.DeadLetter ? "dead" : "live")} [{string.Join(',', row.LastEvents)}]");
    }

    [Fact]
    public void What_the_scheduler_writes_itself_is_a_sound_result()
    {
        foreach (var outcome in new[] { Outcomes.TimedOut, Outcomes.Expired, Outcomes.QueueTimeout, Outcomes.Cancelled, Outcomes.WorkerLost })
        {
            Assert.Empty(StepResultValidator.Validate(Steps.Assignment(), outcome.ToStepResult(Steps.Assignment(), "words")));
        }
    }

    [Fact]
    public void The_reason_and_the_cause_reach_the_result()
    {
        var step = Outcomes.QueueTimeout.ToStepResult(Steps.Assignment(), "Nobody came.", new KeyValuePair<string, string>("cause", "no_executor"));
        var result = ResultConverter.ToExecResult(Steps.Assignment(), step, Steps.Context());

        Assert.Equal("""{"block_type":"http.request","reason":"queue_timeout","cause":"no_executor"}""", result.Error!.Details.ToString());
        Assert.Equal(("timeout", 5002), (result.Status, result.ErrorCode));
    }

    [Fact]
    public void The_catalogue_has_a_name_for_every_code() =>
        Assert.All(Enum.GetValues<ErrorCode>(), code => Assert.Matches("^[a-z_]+$", ErrorCatalogue.NameOf(code)));

    [Theory]
    [InlineData(408, true)]
    [InlineData(425, true)]
    [InlineData(429, true)]
    [InlineData(500, true)]
    [InlineData(599, true)]
    [InlineData(404, false)]
    [InlineData(302, false)]
    public void Some_HTTP_statuses_may_pass(int status, bool retryable) => Assert.Equal(retryable, ErrorCatalogue.IsRetryableHttpStatus(status));
}
