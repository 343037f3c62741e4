using Beamline.Contracts.Exchange;
using Beamline.Scheduler.Core;

namespace Beamline.Scheduler.Tests.Core;

/// <summary>
/// Random histories: tasks, repeats, workers that die and come back, calls lost on the way there or back, late and repeated
/// calls, cancellations, restarts of the scheduler from its rows with everything uncommitted gone. The seed is in the name of
/// the failing case.
/// </summary>
public sealed class CoreChaosTests
{
    public static TheoryData<int> Seeds => [.. Enumerable.Range(1, 60)];

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Nothing_is_lost_nothing_ends_twice_and_at_most_once_starts_once(int seed)
    {
        var chaos = new Chaos(new Random(seed));
        chaos.Run(steps: 600);
        chaos.Settle();
        chaos.Check();
    }

    private sealed class Chaos(Random random)
    {
        private readonly CoreDriver _driver = new(new SchedulingOptions { MaxDeliveries = 1_000 });
        private readonly List<string> _admitted = [];
        private readonly Dictionary<string, CoreWorker> _workers = [];
        private readonly Dictionary<string, int> _starts = [];
        private readonly List<ExchangeRequest> _lateCalls = [];
        private readonly HashSet<(long, string)> _started = [];
        private int _incarnation;
        private long _epoch = 1;

        public void Run(int steps)
        {
            for (var i = 0; i < steps; i++)
            {
                switch (random.Next(20))
                {
                    case <= 3:
                        AdmitOne();
                        break;
                    case 4 when _admitted.Count > 0:
                        Repeat(_admitted[random.Next(_admitted.Count)]);
                        break;
                    case 5 when _admitted.Count > 0:
                        _driver.Cancel(_admitted[random.Next(_admitted.Count)]);
                        break;
                    case 6:
                        _driver.Pass(TimeSpan.FromMilliseconds(random.Next(20_000)));
                        break;
                    case 7 when random.Next(3) == 0:
                        _driver.Crash(++_epoch);
                        break;
                    case 8 when _workers.Count > 0 && random.Next(3) == 0:
                        _workers.Remove(_workers.Keys.ElementAt(random.Next(_workers.Count)));
                        break;
                    case 9 when _lateCalls.Count > 0:
                        // A call of long ago arrives now; nobody waits for its answer.
                        _driver.Call(_lateCalls[random.Next(_lateCalls.Count)]);
                        break;
                    default:
                        WorkerTurn(faults: true);
                        break;
                }
            }
        }

        /// <summary>Calm weather: everything must come to its end.</summary>
        public void Settle()
        {
            for (var i = 0; i < 20_000 && _driver.Core.OpenTasks > 0; i++)
            {
                WorkerTurn(faults: false);
                if (i % 20 == 0)
                {
                    _driver.Pass(TimeSpan.FromSeconds(16));
                }
            }
        }

        public void Check()
        {
            Assert.Equal(0, _driver.Core.OpenTasks);
            Assert.Equal(0, _driver.Core.Leases);
            Assert.Equal(_admitted.Count, _driver.Rows.Count);
            Assert.All(_admitted, id => Assert.Single(_driver.Endings, e => e.Task.AssignmentId == id));
            Assert.All(_starts, start => Assert.True(start.Value <= 1, $"{start.Key} was started {start.Value} times"));
            Assert.All(_driver.Rows.Values, row => Assert.NotNull(row.Ending));
        }

        private static string JobOf(string id) => id.Contains("once", StringComparison.Ordinal)
            ? """{"type":"crypto.hash","content":"x","redelivery":"at_most_once"}"""
            : """{"type":"crypto.hash","content":"x","timeout_ms":7200000,"queue_timeout_ms":7200000}""";

        private void AdmitOne()
        {
            var id = random.Next(4) == 0 ? $"once{_admitted.Count}" : $"a{_admitted.Count}";
            Assert.Equal(AdmitVerdict.Admitted, _driver.Admit(id, $"t{random.Next(3)}", JobOf(id)).Verdict);
            _admitted.Add(id);
        }

        private void Repeat(string id)
        {
            var row = _driver.Row(id);
            var known = row.Ending is null ? null : new KnownStep(row.Task.Id, id, row.Task.BodyHash, row.State.Phase.WireName(), null);
            Assert.Equal(AdmitVerdict.Duplicate, _driver.Admit(id, row.Task.TenantId, JobOf(id), known: known).Verdict);
        }

        private CoreWorker AWorker()
        {
            var name = $"w{random.Next(3)}";
            if (!_workers.TryGetValue(name, out var worker))
            {
                worker = _driver.Worker(name, $"i{++_incarnation}");
                _workers.Add(name, worker);
            }

            return worker;
        }

        private void WorkerTurn(bool faults)
        {
            var worker = AWorker();
            var reports = new List<LeaseReport>();
            var starts = new List<LeaseStart>();
            foreach (var lease in worker.Held.Values)
            {
                if (lease.StartRequired && !_started.Contains((lease.Number, lease.AssignmentId)))
                {
                    starts.Add(new LeaseStart(lease.Number));
                }
                else if (random.Next(2) == 0)
                {
                    reports.Add(random.Next(6) switch
                    {
                        0 when !lease.StartRequired => CoreWorker.HandedBack(lease.Number),
                        1 when !lease.StartRequired => CoreWorker.RetryAt(lease.Number, random.Next(30_000)),
                        2 => CoreWorker.Ended(lease.Number, CoreDriver.Failed(lease.TenantId)),
                        _ => CoreWorker.Ended(lease.Number, CoreDriver.Ok(lease.TenantId)),
                    });
                }
            }

            var request = worker.Request(random.Next(2) == 0 ? ExchangeChannels.Work : ExchangeChannels.Report, random.Next(4), reports: reports, starts: starts);
            if (faults && random.Next(6) == 0)
            {
                _lateCalls.Add(request);
                return;
            }

            var call = _driver.Call(request);
            if (faults && random.Next(6) == 0)
            {
                // The answer is lost. Half of the time the worker asks again with the same seq, else it goes on without.
                if (random.Next(2) == 0)
                {
                    call = _driver.Call(request);
                    Take(worker, call);
                }

                return;
            }

            Take(worker, call);
        }

        private void Take(CoreWorker worker, ExchangeCall call)
        {
            foreach (var lease in call.Answer?.Started ?? [])
            {
                if (worker.Held.TryGetValue(lease, out var held) && _started.Add((lease, held.AssignmentId)))
                {
                    _starts[held.AssignmentId] = _starts.GetValueOrDefault(held.AssignmentId) + 1;
                }
            }

            worker.Receive(call);
        }
    }
}
