using System.Security.Cryptography;
using System.Text;
using Beamline.Contracts;
using Beamline.Gateway.Requests;

namespace Beamline.Gateway.Submission;

/// <summary>
/// The header Idempotency-Key: ids that were left out are a hash of tenant and key, so that the same request again names the
/// same task. Each task of a batch has its place in the hash.
/// </summary>
internal readonly record struct IdempotencyKey(string Key, int Index)
{
    public const string Header = "Idempotency-Key";

    public static bool TryRead(HttpRequest request, out IdempotencyKey? key, out RequestFault? fault)
    {
        (key, fault) = (null, null);
        var given = request.Headers[Header];
        if (given.Count == 0)
        {
            return true;
        }

        if (given is [{ } text] && WireId.IsValid(text))
        {
            key = new IdempotencyKey(text, 0);
            return true;
        }

        fault = RequestFault.Invalid(Header, "An idempotency key is 1 to 128 printable ASCII characters, given once.");
        return false;
    }

    /// <summary>32 hexadecimal digits. A tenant id holds no line feed, so the parts cannot run into each other.</summary>
    public string IdFor(string tenantId, string kind) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{kind}\n{tenantId}\n{Index}\n{Key}")).AsSpan(0, 16));
}
