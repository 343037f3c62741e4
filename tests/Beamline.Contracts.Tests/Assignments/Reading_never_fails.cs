using System.Buffers;
using System.Text;
using System.Text.Json;
using Beamline.Contracts.Assignments;
using Beamline.Contracts.DeadLetters;
using Beamline.Contracts.Json;
using Beamline.Contracts.Tests.Golden;
using FsCheck;
using FsCheck.Fluent;

namespace Beamline.Contracts.Tests.Assignments;

public sealed class Reading_never_fails
{
    [Fact]
    public void Random_bytes_get_an_answer() =>
        Prop.ForAll<byte[]>(bytes => AssignmentReader.Read(bytes).Faults.Count > 0).QuickCheckThrowOnFailure();

    [Fact]
    public void A_damaged_assignment_gets_an_answer()
    {
        var sound = Encoding.UTF8.GetBytes(Steps.AssignmentJson);
        Prop.ForAll<ushort, byte, ushort>((at, value, length) =>
        {
            var damaged = sound.AsSpan(0, length % 5 == 0 ? length % sound.Length : sound.Length).ToArray();
            if (damaged.Length > 0)
            {
                damaged[at % damaged.Length] = value;
            }

            var reading = AssignmentReader.Read(damaged);
            return reading.Assignment is null == reading.Faults.Count > 0 && (reading.Parsable || reading.Faults.Count > 0);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(3_000));
    }

    [Fact]
    public void What_was_read_can_be_hashed_and_redacted()
    {
        Prop.ForAll(JsonText.Objects(), json =>
        {
            var bytes = Encoding.UTF8.GetBytes($$"""{"executor":{"provider_id":"p"},"job":{{json}}}""");
            using var redacted = Redaction.Redact(new RawJson(bytes)).Parse();
            return BodyHash.Of(bytes).Length == 32;
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void The_hash_does_not_see_key_order_whitespace_or_escapes()
    {
        Prop.ForAll(JsonText.Objects(), json =>
        {
            var plain = $$"""{"executor":{"provider_id":"p"},"job":{{json}}}""";
            using var document = JsonDocument.Parse(plain);
            var other = Encoding.UTF8.GetBytes(JsonText.Disguise(document.RootElement));
            return BodyHash.Of(Encoding.UTF8.GetBytes(plain)).SequenceEqual(BodyHash.Of(other));
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Canonical_JSON_means_what_the_original_meant()
    {
        Prop.ForAll(JsonText.Objects(), json =>
        {
            using var document = JsonDocument.Parse(json);
            var buffer = new ArrayBufferWriter<byte>();
            CanonicalJson.Write(document.RootElement, buffer);
            using var canonical = JsonDocument.Parse(buffer.WrittenMemory);
            return JsonElement.DeepEquals(document.RootElement, canonical.RootElement);
        }).QuickCheckThrowOnFailure();
    }
}
