using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;

namespace Beamline.Contracts.Tests.Golden;

/// <summary>
/// The golden files freeze the wire: other programs read these bytes. They may grow by optional fields and change in no other way.
/// A new message's file is written by running this class once with BEAMLINE_WRITE_GOLDEN=1, and read by a person before it is committed.
/// </summary>
public sealed class Golden_files
{
    public static TheoryData<string> Names => [.. Messages.All.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_message_is_written_as_exactly_these_bytes(string name)
    {
        var (value, type) = Messages.All[name];
        var written = JsonSerializer.Serialize(value, type);
        if (Environment.GetEnvironmentVariable("BEAMLINE_WRITE_GOLDEN") == "1" && !File.Exists(SourceOf(name)))
        {
            File.WriteAllText(SourceOf(name), written + "\n");
        }

        Assert.Equal(File.ReadAllText(SourceOf(name)).TrimEnd('\n'), written);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_message_is_read_back_whole(string name)
    {
        var bytes = File.ReadAllBytes(SourceOf(name)).AsSpan().TrimEnd("\n"u8).ToArray();
        var read = JsonSerializer.Deserialize(bytes, Messages.All[name].Type);

        Assert.Equal(Encoding.UTF8.GetString(bytes), JsonSerializer.Serialize(read, Messages.All[name].Type));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_field_that_nobody_knows_is_no_fault(string name)
    {
        var text = File.ReadAllText(SourceOf(name)).TrimEnd('\n');
        var grown = """{"from_the_future":{"a":[1,null]},""" + text[1..];

        var read = JsonSerializer.Deserialize(grown, Messages.All[name].Type);

        Assert.Equal(text, JsonSerializer.Serialize(read, Messages.All[name].Type));
    }

    [Fact]
    public void There_is_a_golden_file_for_every_message_and_none_besides()
    {
        var files = Directory.GetFiles(Path.GetDirectoryName(SourceOf("x"))!).Select(Path.GetFileNameWithoutExtension);

        Assert.Equal(Messages.All.Keys.Append("assignment").Order(), files.Order());
    }

    private static string SourceOf(string name, [CallerFilePath] string here = "") =>
        Path.Combine(Path.GetDirectoryName(here)!, "..", "golden", name + ".json");
}
