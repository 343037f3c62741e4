using Beamline.Scheduler.Core.Tenants;
using Microsoft.Extensions.Options;

namespace Beamline.Scheduler.Engine;

/// <summary>
/// All faults of section <c>Tenants</c> in one message, names that it does not know included: binding passes them over, and a limit
/// that is misspelt would be none.
/// </summary>
internal sealed class TenantsValidation(IConfiguration configuration) : IValidateOptions<TenantsOptions>
{
    private static readonly string[] Limits = NamesOf<TenantLimits>();
    private static readonly string[] OfAKey = NamesOf<KeyLimits>();
    private static readonly string[] OfANamedKey = NamesOf<NamedKeyLimits>();

    public ValidateOptionsResult Validate(string? name, TenantsOptions options) =>
        UnknownNames(configuration.GetSection(TenantsOptions.Section)).Concat(options.Faults()).ToList() is { Count: > 0 } faults
            ? ValidateOptionsResult.Fail(faults)
            : ValidateOptionsResult.Success;

    private static IEnumerable<string> UnknownNames(IConfigurationSection tenants)
    {
        var limits = tenants.GetSection(nameof(TenantsOptions.Overrides)).GetChildren().Prepend(tenants.GetSection(nameof(TenantsOptions.Default)));
        return Unknown(tenants, NamesOf<TenantsOptions>()).Concat(limits.SelectMany(UnknownLimits));
    }

    private static IEnumerable<string> UnknownLimits(IConfigurationSection limits) => Unknown(limits, Limits)
        .Concat(Unknown(limits.GetSection(nameof(TenantLimits.PerKey)), OfAKey))
        .Concat(limits.GetSection(nameof(TenantLimits.Keys)).GetChildren().SelectMany(key => Unknown(key, OfANamedKey)));

    private static IEnumerable<string> Unknown(IConfigurationSection section, string[] known)
    {
        if (section.Value is { Length: > 0 } value)
        {
            yield return $"{section.Path} is \"{value}\"; it takes no value, but names below it: {string.Join(", ", known)}.";
        }

        foreach (var child in section.GetChildren().Where(child => !known.Contains(child.Key, StringComparer.OrdinalIgnoreCase)))
        {
            yield return $"{child.Path} is not known; {section.Path} has {string.Join(", ", known)}.";
        }
    }

    private static string[] NamesOf<T>() => [.. typeof(T).GetProperties().Select(property => property.Name)];
}
