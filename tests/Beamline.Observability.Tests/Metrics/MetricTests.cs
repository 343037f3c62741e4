using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;

namespace Beamline.Observability.Tests;

public class MetricTests
{
    [Fact]
    public void Each_kind_of_instrument_has_its_place_in_the_text()
    {
        using var metrics = new Container();
        var meter = metrics.Meter;
        var tasks = meter.CreateCounter<long>("worker_tasks_total", description: "Tasks that ended");
        tasks.Add(2, new("type", "http.request"), new("status", "ok"));
        tasks.Add(1, new("status", "ok"), new KeyValuePair<string, object?>("type", "http.request"));
        var depth = meter.CreateUpDownCounter<int>("worker_pool_queue_depth");
        depth.Add(5);
        depth.Add(-2);
        meter.CreateGauge<double>("worker_resource_usage").Record(1.5, new KeyValuePair<string, object?>("type", "memory_mb"));
        meter.CreateObservableGauge("seen", () => 7);

        Assert.Equal(
            """
            # TYPE seen gauge
            seen 7
            # TYPE worker_pool_queue_depth gauge
            worker_pool_queue_depth 3
            # TYPE worker_resource_usage gauge
            worker_resource_usage{type="memory_mb"} 1.5
            # HELP worker_tasks_total Tasks that ended
            # TYPE worker_tasks_total counter
            worker_tasks_total{status="ok",type="http.request"} 3

            """,
            metrics.Text());
    }

    [Fact]
    public void A_histogram_counts_up_over_the_buckets_it_asked_for()
    {
        using var metrics = new Container();
        var latency = metrics.Meter.CreateHistogram("worker_task_latency_ms", advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [1, 2.5, 10] });
        foreach (var value in new[] { 0.5, 1, 2, 10, 11 })
        {
            latency.Record(value, new KeyValuePair<string, object?>("type", "x"));
        }

        Assert.Equal(
            """
            # TYPE worker_task_latency_ms histogram
            worker_task_latency_ms_bucket{type="x",le="1"} 2
            worker_task_latency_ms_bucket{type="x",le="2.5"} 3
            worker_task_latency_ms_bucket{type="x",le="10"} 4
            worker_task_latency_ms_bucket{type="x",le="+Inf"} 5
            worker_task_latency_ms_sum{type="x"} 24.5
            worker_task_latency_ms_count{type="x"} 5

            """,
            metrics.Text());
    }

    [Fact]
    public void Labels_are_escaped_and_names_cleaned()
    {
        using var metrics = new Container();
        metrics.Meter.CreateCounter<int>("a.b-c", description: "back\\slash\nline").Add(1, new KeyValuePair<string, object?>("x.y", "q\"b\\n\nz"));

        Assert.Equal("# HELP a_b_c back\\\\slash\\nline\n# TYPE a_b_c counter\na_b_c{x_y=\"q\\\"b\\\\n\\nz\"} 1\n", metrics.Text());
    }

    [Fact]
    public void Labels_without_end_end_in_other_and_are_counted()
    {
        using var metrics = new Container(maxSeries: 3);
        var counter = metrics.Meter.CreateCounter<int>("c");
        for (var i = 0; i < 10; i++)
        {
            counter.Add(1, new KeyValuePair<string, object?>("id", i));
        }

        counter.Add(1, new KeyValuePair<string, object?>("id", 0));
        Assert.Equal(
            """
            # TYPE c counter
            c{id="0"} 2
            c{id="1"} 1
            c{id="2"} 1
            c{id="other"} 7
            # HELP metrics_series_overflow_total Values that went to the series "other", for want of room
            # TYPE metrics_series_overflow_total counter
            metrics_series_overflow_total{metric="c"} 7

            """,
            metrics.Text());
    }

    [Fact]
    public void Two_services_of_one_process_do_not_mix()
    {
        using var one = new Container();
        using var other = new Container();
        one.Meter.CreateCounter<int>("shared_name").Add(1);
        other.Meter.CreateCounter<int>("shared_name").Add(5);

        Assert.Equal("# TYPE shared_name counter\nshared_name 1\n", one.Text());
        Assert.Equal("# TYPE shared_name counter\nshared_name 5\n", other.Text());
    }

    [Fact]
    public void A_series_that_is_no_longer_observed_is_gone()
    {
        using var metrics = new Container();
        string[] pools = ["cpu", "io"];
        metrics.Meter.CreateObservableGauge("busy", () => pools.Select(pool => new Measurement<int>(1, new KeyValuePair<string, object?>("pool", pool))));
        Assert.Contains("pool=\"io\"", metrics.Text());

        pools = ["cpu"];

        Assert.DoesNotContain("pool=\"io\"", metrics.Text());
    }

    [Fact]
    public void A_gauge_that_throws_takes_no_other_with_it()
    {
        using var metrics = new Container();
        metrics.Meter.CreateObservableGauge("broken", int () => throw new InvalidOperationException());
        metrics.Meter.CreateObservableGauge("whole", () => 1);

        Assert.Contains("whole 1\n", metrics.Text());
    }

    [Fact]
    public void Recording_known_labels_allocates_nothing()
    {
        using var metrics = new Container();
        var counter = metrics.Meter.CreateCounter<long>("c");
        var latency = metrics.Meter.CreateHistogram<double>("h");
        Record();

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1000; i++)
        {
            Record();
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);

        void Record()
        {
            counter.Add(1, new("type", "http.request"), new KeyValuePair<string, object?>("status", "ok"));
            latency.Record(3, new KeyValuePair<string, object?>("type", "http.request"));
        }
    }

    [Fact]
    public async Task Nothing_is_lost_when_many_record_at_once()
    {
        using var metrics = new Container();
        var latency = metrics.Meter.CreateHistogram<double>("h");

        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() =>
        {
            for (var i = 0; i < 10_000; i++)
            {
                latency.Record(1, new KeyValuePair<string, object?>("i", i % 10));
            }
        })));

        Assert.Contains("h_sum{i=\"3\"} 4000\nh_count{i=\"3\"} 4000\n", metrics.Text());
    }

    [Fact]
    public async Task A_service_serves_its_metrics_and_the_process_basics()
    {
        await using var service = await TestService.StartAsync();
        service.App.Services.GetRequiredService<IMeterFactory>().Create("Beamline.Scheduler").CreateCounter<int>("mine_total").Add(3);

        using var answer = await service.Http.GetAsync("/metrics", TestContext.Current.CancellationToken);
        var text = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);

        Assert.Equal("text/plain; version=0.0.4; charset=utf-8", answer.Content.Headers.ContentType!.ToString());
        Assert.Contains("mine_total 3\n", text);
        Assert.Matches("process_cpu_seconds_total [0-9.]+\n", text);
        Assert.Matches("process_resident_memory_bytes [1-9][0-9]{6,}\n", text);
        Assert.Matches("dotnet_gc_collections_total{generation=\"2\"} [0-9]+\n", text);
    }

    [Fact]
    public async Task A_separate_listener_opens_where_it_is_set_and_serves_nothing_else()
    {
        await using var off = await TestService.StartAsync();
        await using var on = await TestService.StartAsync(args: ["--prometheus-endpoint", "127.0.0.1:0"]);
        var listener = on.App.Services.GetServices<Microsoft.Extensions.Hosting.IHostedService>().OfType<PrometheusListener>().Single();
        using var http = new HttpClient { BaseAddress = new Uri(listener.Address!) };

        Assert.Null(off.App.Services.GetServices<Microsoft.Extensions.Hosting.IHostedService>().OfType<PrometheusListener>().Single().Address);
        Assert.Contains("process_cpu_seconds_total", await http.GetStringAsync("/metrics", TestContext.Current.CancellationToken));
        using var health = await http.GetAsync("/_health", TestContext.Current.CancellationToken);
        Assert.Equal(System.Net.HttpStatusCode.NotFound, health.StatusCode);
    }

    [Theory]
    [InlineData("9090")]
    [InlineData("nonsense:9090")]
    public async Task A_listener_that_cannot_be_is_named_at_the_start(string endpoint)
    {
        var refused = await Assert.ThrowsAsync<SettingsException>(() => TestService.StartAsync(args: ["--prometheus-endpoint", endpoint]));

        Assert.Contains($"Prometheus:Endpoint is \"{endpoint}\"", refused.Message);
    }

    private sealed class Container : IDisposable
    {
        private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();
        private readonly MetricRegistry _registry;

        public Container(int maxSeries = MetricFamily.DefaultMaxSeries)
        {
            _registry = new MetricRegistry(_services.GetRequiredService<IMeterFactory>(), maxSeries);
            Meter = _services.GetRequiredService<IMeterFactory>().Create("test");
        }

        public Meter Meter { get; }

        public string Text() => PrometheusText.Write(_registry);

        public void Dispose()
        {
            _registry.Dispose();
            _services.Dispose();
        }
    }
}
