using Beamline.Contracts.Errors;
using Beamline.ExecutorHost.Blocks;
using Beamline.IoExecutor.Blocks.Files;

namespace Beamline.IoExecutor.Blocks.Sql;

/// <summary>Which of the tenant's databases a step means.</summary>
internal static class SqlSource
{
    private const string Scheme = "sqlite://";

    /// <summary>A path, or the outcome to return; neither when a fault was added to the inputs.</summary>
    public static (TenantPath? Path, BlockOutcome? Refusal) Read(StepInputs inputs, SqlBlockOptions options, string tenantId)
    {
        var text = inputs.OptionalString("connection_string");
        var name = inputs.OptionalString("connection");
        var field = name is null ? "connection_string" : "connection";
        if ((text is null) == (name is null))
        {
            inputs.AddFault(
                text is null ? ErrorCode.MissingRequiredField : ErrorCode.InvalidInput, field,
                $"Give {inputs.PathOf("connection_string")} or {inputs.PathOf("connection")}.");
            return default;
        }

        if (name is not null)
        {
            // A name that is not the tenant's answers as one that is not there: nobody learns of the others'.
            if (!options.Connections.TryGetValue(name, out var named) || (named.Tenants.Count > 0 && !named.Tenants.Contains(tenantId)))
            {
                inputs.AddFault(ErrorCode.InvalidInput, field, $"{inputs.PathOf(field)} names no connection of the tenant's.");
                return default;
            }

            text = named.ConnectionString;
        }

        if (!text!.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase) || text.AsSpan().ContainsAny('?', '#'))
        {
            inputs.AddFault(ErrorCode.InvalidInput, field, $"{inputs.PathOf(field)} must be sqlite:// and a path, without options.");
            return default;
        }

        return TenantPath.Parse(text[Scheme.Length..], out var reason) is { } path ? (path, null) : (null, FileWork.Refused(reason));
    }
}
