using System.Collections.Concurrent;
using System.Globalization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Beamline.EndToEnd.Tests;

/// <summary>One run of a step, as the outside world saw it.</summary>
public sealed record Sighting(string Assignment, int Delivery, long Lease, int Retry);

/// <summary>An HTTP server outside Beamline that writes down every call that a step makes.</summary>
public sealed class Witness : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ConcurrentQueue<Sighting> _sightings = new();
    private readonly ConcurrentQueue<(string Assignment, int Replay)> _mended = new();
    private readonly ConcurrentQueue<string> _mendedPrefixes = new();
    private readonly TaskCompletionSource _holding = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private Witness(WebApplication app) => _app = app;

    public Uri Address { get; private set; } = null!;

    public IReadOnlyList<Sighting> Sightings => [.. _sightings];

    /// <summary>Runs of steps whose call to <c>/broken</c> went through, with their replay.</summary>
    public IReadOnlyList<(string Assignment, int Replay)> Mended => [.. _mended];

    /// <summary><c>/broken</c> answers 404 to every step; from now on no longer to those whose ids begin so.</summary>
    public void Mend(string prefix) => _mendedPrefixes.Enqueue(prefix);

    /// <summary>A step is in the middle of its call to <c>/held</c>, which is answered after <see cref="Release"/>.</summary>
    public Task Holding => _holding.Task;

    public void Release() => _released.TrySetResult();

    public static async Task<Witness> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var app = builder.Build();
        var witness = new Witness(app);
        app.MapGet("/seen", witness.Record);
        app.MapGet("/broken", witness.AnswerBroken);
        app.MapGet("/held", witness.HoldAsync);
        await app.StartAsync();
        witness.Address = new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());
        return witness;
    }

    /// <summary>Runs that the contract does not allow: the same delivery and retry of an assignment more than once.</summary>
    public IReadOnlyList<string> Repeats() =>
    [
        .. _sightings.GroupBy(seen => (seen.Assignment, seen.Delivery, seen.Retry)).Where(group => group.Count() > 1)
            .Select(group => $"{group.Key.Assignment} delivery {group.Key.Delivery} retry {group.Key.Retry} ran {group.Count()} times"),
    ];

    public int RunsOf(string assignment) => _sightings.Count(seen => seen.Assignment == assignment);

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private IResult AnswerBroken(HttpRequest request)
    {
        var assignment = request.Headers["x-beamline-assignment"].ToString();
        if (!_mendedPrefixes.Any(prefix => assignment.StartsWith(prefix, StringComparison.Ordinal)))
        {
            return Results.NotFound();
        }

        _mended.Enqueue((assignment, int.Parse(request.Headers["x-beamline-replay"].ToString(), CultureInfo.InvariantCulture)));
        return Results.Text("mended");
    }

    private async Task HoldAsync(HttpContext context)
    {
        _holding.TrySetResult();
        await _released.Task.WaitAsync(context.RequestAborted);
        await context.Response.WriteAsync("released");
    }

    private IResult Record(HttpRequest request)
    {
        string Header(string name) => request.Headers["x-beamline-" + name].ToString();
        _sightings.Enqueue(new Sighting(
            Header("assignment"), int.Parse(Header("delivery"), CultureInfo.InvariantCulture),
            long.Parse(Header("lease"), CultureInfo.InvariantCulture), int.Parse(Header("retry"), CultureInfo.InvariantCulture)));
        return Results.Text("seen");
    }
}
