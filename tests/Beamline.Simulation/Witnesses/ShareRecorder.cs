namespace Beamline.Simulation.Witnesses;

/// <summary>
/// How a pool was shared over time: for each span of time, what was handed out to each tenant (its true cost at the lease), and
/// what it was entitled to: its weight's part among the tenants that were backlogged at each lease.
/// </summary>
internal sealed class ShareRecorder(long spanMs) : Witness
{
    private readonly Dictionary<string, Line> _lines = new(StringComparer.Ordinal);
    private double _weightBacklogged;
    private int _span;

    public IReadOnlyDictionary<string, Line> Lines => _lines;
    public int Spans => _span + 1;
    public long SpanMs => spanMs;

    public override void Enter(Simulation simulation)
    {
        foreach (var tenant in simulation.Plan.Tenants)
        {
            _lines.TryAdd(tenant.Name, new Line(tenant));
        }
    }

    public override void Queued(long now, SimTask task) => Wait(task, 1);

    public override void Unqueued(long now, SimTask task) => Wait(task, -1);

    public override void Leased(long now, SimTask task)
    {
        _span = (int)((now - Agenda.Start) / spanMs);
        _lines[task.Tenant.Name].Add(_span, task.TrueCost, 0);
        foreach (var line in _lines.Values)
        {
            if (line.Waiting > 0)
            {
                line.Add(_span, 0, task.TrueCost * line.Tenant.Weight / _weightBacklogged);
            }
        }

        Wait(task, -1);
    }

    private void Wait(SimTask task, int by)
    {
        var line = _lines[task.Tenant.Name];
        _weightBacklogged += line.Waiting == 0 ? line.Tenant.Weight : 0;
        line.Waiting += by;
        _weightBacklogged -= line.Waiting == 0 ? line.Tenant.Weight : 0;
    }

    /// <summary>One tenant's spans.</summary>
    internal sealed class Line(TenantPlan tenant)
    {
        private readonly List<(double Received, double Entitled)> _spans = [];

        public TenantPlan Tenant => tenant;
        public int Waiting { get; set; }

        /// <summary>Cost received and entitled to in a span.</summary>
        public (double Received, double Entitled) this[int span] => span < _spans.Count ? _spans[span] : default;

        public void Add(int span, double received, double entitled)
        {
            while (_spans.Count <= span)
            {
                _spans.Add(default);
            }

            _spans[span] = (_spans[span].Received + received, _spans[span].Entitled + entitled);
        }
    }
}
