using System.Collections.Concurrent;
using System.Globalization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Beamline.TestKit.Outside;

/// <summary>One run of a step, as the outside world saw it.</summary>
public sealed record Sighting(string Assignment, int Delivery, long Lease, int Retry);

/// <summary>An HTTP server outside Beamline that writes down every call that a step makes.</summary>
public sealed class Witness : IAsyncDisposable
{
    // Long enough to be cancelled, short enough to wait for.
    private static readonly TimeSpan SlowAnswer = TimeSpan.FromSeconds(1);

    private readonly WebApplication _app;
    private readonly ConcurrentQueue<Sighting> _sightings = new();
    private readonly ConcurrentQueue<(string Assignment, int Replay)> _mended = new();
    private readonly ConcurrentQueue<string> _mendedPrefixes = new();
    private readonly TaskCompletionSource _holding = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private readonly Func<Sighting, ValueTask>? _observer;

    private Witness(WebApplication app, Func<Sighting, ValueTask>? observer) => (_app, _observer) = (app, observer);

    public Uri Address { get; private set; } = null!;

    public IReadOnlyList<Sighting> Sightings => [.. _sightings];

    /// <summary>Runs of steps whose call to <c>/broken</c> went through, with their replay.</summary>
    public IReadOnlyList<(string Assignment, int Replay)> Mended => [.. _mended];

    /// <summary><c>/broken</c> answers 404 to every step; from now on no longer to those whose ids begin so.</summary>
    public void Mend(string prefix) => _mendedPrefixes.Enqueue(prefix);

    /// <summary>A step is in the middle of its call to <c>/held</c>, which is answered after <see cref="Release"/>.</summary>
    public Task Holding => _holding.Task;

    public void Release() => _released.TrySetResult();

    /// <param name="observer">Told of each call before it is answered.</param>
    public static async Task<Witness> StartAsync(Func<Sighting, ValueTask>? observer = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var app = builder.Build();
        var witness = new Witness(app, observer);
        app.MapGet("/seen", witness.RecordAsync);
        app.MapGet("/slow", witness.RecordSlowAsync);
        app.MapGet("/flaky", request => witness.RefuseFirstAsync(request, retryAfter: null));
        app.MapGet("/later", request => witness.RefuseFirstAsync(request, retryAfter: "2"));
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

    private async Task RecordAsync(HttpContext context)
    {
        await NoteAsync(context);
        await context.Response.WriteAsync("seen");
    }

    private async Task RecordSlowAsync(HttpContext context)
    {
        await NoteAsync(context);
        await Task.Delay(SlowAnswer, TimeProvider.System, context.RequestAborted);
        await context.Response.WriteAsync("seen");
    }

    /// <summary>503 to a step that has not been tried again yet, with the pause it is asked to make.</summary>
    private async Task RefuseFirstAsync(HttpContext context, string? retryAfter)
    {
        var seen = await NoteAsync(context);
        if (seen.Retry == 0)
        {
            context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
            context.Response.Headers.RetryAfter = retryAfter;
        }

        await context.Response.WriteAsync("seen");
    }

    private async ValueTask<Sighting> NoteAsync(HttpContext context)
    {
        string Header(string name) => context.Request.Headers["x-beamline-" + name].ToString();
        var seen = new Sighting(
            Header("assignment"), int.Parse(Header("delivery"), CultureInfo.InvariantCulture),
            long.Parse(Header("lease"), CultureInfo.InvariantCulture), int.Parse(Header("retry"), CultureInfo.InvariantCulture));
        _sightings.Enqueue(seen);
        await (_observer?.Invoke(seen) ?? ValueTask.CompletedTask);
        return seen;
    }
}
