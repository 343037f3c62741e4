using System.Threading.Channels;
using Beamline.Contracts.Exchange;
using Beamline.DaprAccess;
using Beamline.ExecutorHost.Exchange;

namespace Beamline.ExecutorHost.Tests.Harness;

/// <summary>A scheduler whose every answer is given by the test, a call at a time and a queue a channel.</summary>
internal sealed class ScriptedScheduler : ISchedulerLink
{
    private readonly Channel<ScriptedCall> _work = Channel.CreateBounded<ScriptedCall>(1000);
    private readonly Channel<ScriptedCall> _report = Channel.CreateBounded<ScriptedCall>(1000);

    public async Task<ExchangeResponse> ExchangeAsync(ExchangeRequest request, CancellationToken cancellation)
    {
        var call = new ScriptedCall(request);
        await (request.Channel == ExchangeChannels.Work ? _work : _report).Writer.WriteAsync(call, cancellation);
        return await call.Answered.WaitAsync(cancellation);
    }

    public Task<ScriptedCall> WorkAsync() => NextAsync(_work);

    public Task<ScriptedCall> ReportAsync() => NextAsync(_report);

    public bool HasReportCall => _report.Reader.Count > 0;

    public bool HasWorkCall => _work.Reader.Count > 0;

    /// <summary>Accepts reports call by call until one about <paramref name="lease"/> has come.</summary>
    public async Task<LeaseReport> ReportOnAsync(long lease)
    {
        while (true)
        {
            var call = await ReportAsync();
            call.AcceptAll();
            if (call.Request.Reports?.FirstOrDefault(report => report.Lease == lease) is { } found)
            {
                return found;
            }
        }
    }

    private static async Task<ScriptedCall> NextAsync(Channel<ScriptedCall> calls) =>
        await calls.Reader.ReadAsync(TestContext.Current.CancellationToken).AsTask().Soon();
}

/// <summary>One call as it came in, to be answered or failed.</summary>
internal sealed class ScriptedCall(ExchangeRequest request)
{
    private readonly TaskCompletionSource<ExchangeResponse> _answer = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public ExchangeRequest Request => request;

    public Task<ExchangeResponse> Answered => _answer.Task;

    public IEnumerable<long> Running => request.Running.Select(running => running.Lease);

    public void Answer(
        IReadOnlyList<Lease>? leases = null, IReadOnlyList<long>? renewed = null, IReadOnlyList<long>? cancelled = null,
        IReadOnlyList<long>? refused = null, IReadOnlyList<long>? accepted = null, IReadOnlyList<long>? started = null,
        long heldMs = 0, bool superseded = false) => _answer.TrySetResult(new ExchangeResponse
        {
            Seq = request.Seq,
            Leases = leases ?? [],
            Renewed = renewed ?? [.. Running],
            Cancelled = cancelled ?? [],
            Refused = refused ?? [],
            Accepted = accepted ?? [],
            Started = started ?? [],
            HeldMs = heldMs,
            TermMs = 15_000,
            Superseded = superseded,
        });

    public void AcceptAll(IReadOnlyList<Lease>? leases = null) => Answer(
        leases,
        accepted: [.. (request.Reports ?? []).Select(report => report.Lease)],
        started: [.. (request.Starts ?? []).Select(start => start.Lease)]);

    public void Fail() => _answer.TrySetException(new DaprException("The scheduler is away."));
}
