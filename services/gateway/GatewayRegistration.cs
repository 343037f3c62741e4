using Beamline.DaprAccess;
using Beamline.Gateway.Approvals;
using Beamline.Gateway.Cancelling;
using Beamline.Gateway.DeadLetters;
using Beamline.Gateway.OpenApi;
using Beamline.Gateway.Problems;
using Beamline.Gateway.Reading;
using Beamline.Gateway.Requests;
using Beamline.Gateway.Scheduler;
using Beamline.Gateway.Submission;
using Beamline.Gateway.Waiting;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace Beamline.Gateway;

/// <summary>The gateway's services and routes, for its own process and for a host that runs everything in one.</summary>
public static class GatewayRegistration
{
    /// <summary>Adds the gateway. A <see cref="DaprClient"/> of the host's own, added before, is kept.</summary>
    public static IServiceCollection AddGateway(this IServiceCollection services, IConfiguration configuration)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.AddDaprClient();
        services.AddOptions<GatewayOptions>().Bind(configuration.GetSection("Gateway")).ValidateOnStart();
        services.AddSingleton<IValidateOptions<GatewayOptions>, GatewayOptionsPolicy>();
        services.AddRouting();
        services.AddGatewayOpenApi();

        services.AddSingleton<BodyReader>();
        services.AddSingleton<SchedulerReads>();
        services.AddSingleton<WatcherIdentity>();
        services.AddSingleton<ResultWaits>();
        services.AddSingleton<WaitClock>();
        services.AddSingleton<TaskPreparation>();
        services.AddSingleton<BusFallback>();
        services.AddSingleton<GatewayMetrics>();
        services.AddRunning<WatchFeed>();
        services.AddRunning<AdmitBatcher>();
        services.AddHealthChecks().AddCheck<SchedulerCheck>("scheduler");

        services.AddSingleton<SubmitEndpoints>();
        services.AddSingleton<BatchEndpoints>();
        services.AddSingleton<TaskEndpoints>();
        services.AddSingleton<EventEndpoints>();
        services.AddSingleton<CancelEndpoints>();
        services.AddSingleton<ApprovalEndpoints>();
        services.AddSingleton<DeadLetterEndpoints>();
        services.AddSingleton<ReplayEndpoints>();
        return services;
    }

    /// <summary>Maps the API under <c>/v1</c>, its description under <c>/openapi/v1.json</c>, and answers every error with a problem document.</summary>
    public static WebApplication MapGateway(this WebApplication app)
    {
        app.UseRequestCounting();
        app.UseProblems();
        app.MapOpenApi();
        var tasks = app.MapGroup("/v1").WithTags("tasks");
        tasks.MapPost("/tasks", (HttpContext context, SubmitEndpoints endpoints) => endpoints.SubmitAsync(context)).Describe(ApiDescriptions.Submit);
        tasks.MapPost("/tasks:batch", (HttpContext context, BatchEndpoints endpoints) => endpoints.SubmitAsync(context)).Describe(ApiDescriptions.Batch);
        tasks.MapGet("/tasks", (HttpContext context, TaskEndpoints endpoints) => endpoints.ListAsync(context)).Describe(ApiDescriptions.List);
        tasks.MapGet("/tasks/{id}", (HttpContext context, string id, TaskEndpoints endpoints) => endpoints.GetAsync(context, TaskPath.IdOf(context.Request, id))).Describe(ApiDescriptions.Get);
        tasks.MapGet("/tasks/{id}/explain", (HttpContext context, string id, TaskEndpoints endpoints) => endpoints.ExplainAsync(context, TaskPath.IdOf(context.Request, id))).Describe(ApiDescriptions.Explain);
        tasks.MapGet("/tasks/{id}/events", (HttpContext context, string id, EventEndpoints endpoints) => endpoints.StreamAsync(context, TaskPath.IdOf(context.Request, id))).Describe(ApiDescriptions.Events);
        tasks.MapDelete("/tasks/{id}", (HttpContext context, string id, CancelEndpoints endpoints) => endpoints.CancelAsync(context, TaskPath.IdOf(context.Request, id))).Describe(ApiDescriptions.Cancel);
        var approvals = app.MapGroup("/v1").WithTags("approvals");
        approvals.MapGet("/approvals", (HttpContext context, ApprovalEndpoints endpoints) => endpoints.ListAsync(context)).Describe(ApiDescriptions.ListApprovals);
        approvals.MapPost("/approvals/{id}", (HttpContext context, string id, ApprovalEndpoints endpoints) => endpoints.DecideAsync(context, TaskPath.IdOf(context.Request, id))).Describe(ApiDescriptions.Decide);
        var letters = app.MapGroup("/v1").WithTags("dead letters");
        letters.MapGet("/dlq", (HttpContext context, DeadLetterEndpoints endpoints) => endpoints.ListAsync(context)).Describe(DeadLetterDescriptions.List);
        letters.MapGet("/dlq/{id}", (HttpContext context, string id, DeadLetterEndpoints endpoints) => endpoints.GetAsync(context, id)).Describe(DeadLetterDescriptions.Get);
        letters.MapGet("/dlq/replays/{id}", (HttpContext context, string id, DeadLetterEndpoints endpoints) => endpoints.GetReplayAsync(context, id)).Describe(DeadLetterDescriptions.GetReplay);
        letters.MapPost("/dlq/{id}:replay", (HttpContext context, string id, ReplayEndpoints endpoints) => endpoints.ReplayOneAsync(context, id)).Describe(DeadLetterDescriptions.ReplayOne);
        letters.MapPost("/dlq:replay", (HttpContext context, ReplayEndpoints endpoints) => endpoints.ReplayManyAsync(context)).Describe(DeadLetterDescriptions.ReplayMany);
        return app;
    }

    // One instance, which others ask and the host runs.
    private static void AddRunning<T>(this IServiceCollection services)
        where T : class, IHostedService
    {
        services.AddSingleton<T>();
        services.AddHostedService(provider => provider.GetRequiredService<T>());
    }
}
