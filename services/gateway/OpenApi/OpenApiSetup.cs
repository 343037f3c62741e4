using System.Text.Json;
using Beamline.Contracts.Json;
using Beamline.Gateway.Problems;
using Microsoft.OpenApi;

namespace Beamline.Gateway.OpenApi;

/// <summary>Makes <c>/openapi/v1.json</c> out of the routes and <see cref="ApiDescriptions"/>.</summary>
internal static class OpenApiSetup
{
    public static void AddGatewayOpenApi(this IServiceCollection services)
    {
        // The schemas are made from these options; the answers themselves are written by the contexts.
        services.ConfigureHttpJsonOptions(json =>
        {
            json.SerializerOptions.PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower;
            json.SerializerOptions.TypeInfoResolverChain.Insert(0, GatewayJson.Default);
            json.SerializerOptions.TypeInfoResolverChain.Insert(1, BeamlineJson.Default);
        });
        services.AddOpenApi(options => options.AddDocumentTransformer((document, _, _) =>
        {
            document.Info.Title = "Beamline";
            document.Info.Description = "Submit tasks, wait for their results, follow and cancel them. Every error is an RFC 9457 problem with the contract's error code.";
            return Task.CompletedTask;
        }));
    }

    public static void Describe(this RouteHandlerBuilder route, ApiDescription description)
    {
        description.Bodies(route.WithSummary(description.Summary).WithDescription(description.Text));
        foreach (var status in description.Problems)
        {
            route.Produces<Problem>(status, Problem.ContentType);
        }

        route.AddOpenApiOperationTransformer((operation, _, _) =>
        {
            foreach (var parameter in description.Parameters)
            {
                (operation.Parameters ??= []).Add(new OpenApiParameter
                {
                    Name = parameter.Name,
                    In = parameter.In,
                    Description = parameter.Text,
                    Schema = new OpenApiSchema { Type = JsonSchemaType.String },
                });
            }

            return Task.CompletedTask;
        });
    }
}
