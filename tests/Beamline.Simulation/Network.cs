using Beamline.Contracts.Exchange;

namespace Beamline.Simulation;

/// <summary>Carries calls to the scheduler and answers back: late, twice, never, in another order, as the plan has it.</summary>
internal sealed class Network(NetworkPlan plan, Agenda agenda, SimulatedScheduler scheduler, Random random)
{
    private const long LongestLagMs = 30_000;

    /// <summary>From now on nothing goes wrong any more; delays stay.</summary>
    public bool IsCalm { get; set; } = plan.IsPerfect;

    public void Call(ExchangeRequest request, Action<ExchangeResponse> reply) =>
        Carry(() => scheduler.Exchange(request, response => Carry(() => reply(response))));

    private void Carry(Action message)
    {
        if (!IsCalm && random.NextDouble() < plan.Drops)
        {
            return;
        }

        agenda.After(Delay(), message);
        if (!IsCalm && random.NextDouble() < plan.Doubles)
        {
            agenda.After(Delay(), message);
        }
    }

    private long Delay()
    {
        var lag = !IsCalm && random.NextDouble() < plan.Lags ? random.NextInt64(LongestLagMs) : 0;
        return plan.DelayMs + (plan.JitterMs > 0 ? random.NextInt64(plan.JitterMs + 1) : 0) + lag;
    }
}
