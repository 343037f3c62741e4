using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Unicode;
using SQLitePCL;

namespace Beamline.IoExecutor.Blocks.Sql;

/// <summary>
/// Rows as JSON objects, up to a number of rows and bytes. Whole numbers keep all 64 bits (readers that know only doubles lose digits
/// above 2^53); blobs, and text that is not UTF-8, are <c>{"base64": …}</c>; infinities are text.
/// </summary>
internal sealed class SqlRows : IDisposable
{
    private readonly sqlite3_stmt _statement;
    private readonly int _maxRows;
    private readonly int _maxBytes;
    private readonly ArrayBufferWriter<byte> _buffer = new(1024);
    private readonly Utf8JsonWriter _json;
    private readonly JsonEncodedText[] _names;

    public SqlRows(sqlite3_stmt statement, int maxRows, int maxBytes)
    {
        (_statement, _maxRows, _maxBytes) = (statement, maxRows, maxBytes);
        _json = new Utf8JsonWriter(_buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
        Columns = UniqueNames(statement);
        _names = [.. Columns.Select(name => JsonEncodedText.Encode(name, JavaScriptEncoder.UnsafeRelaxedJsonEscaping))];
        Append("["u8);
    }

    public IReadOnlyList<string> Columns { get; }

    public int Count { get; private set; }

    /// <summary>True when a row was left out.</summary>
    public bool Truncated { get; private set; }

    /// <summary>A JSON list.</summary>
    public ReadOnlyMemory<byte> Json { get; private set; }

    /// <summary>Adds the row that the statement stands on; false when there is no room for it.</summary>
    public bool TryAdd()
    {
        var before = _buffer.WrittenCount;
        if (Count < _maxRows && TryWrite())
        {
            Count++;
            return true;
        }

        Truncated = true;
        Json = new ReadOnlyMemory<byte>([.. _buffer.WrittenSpan[..before], (byte)']']);
        return false;
    }

    /// <summary>Closes the list; no row is added after.</summary>
    public void Complete()
    {
        if (!Truncated)
        {
            Append("]"u8);
            Json = _buffer.WrittenMemory;
        }
    }

    public void Dispose() => _json.Dispose();

    private bool TryWrite()
    {
        if (Count > 0)
        {
            Append(","u8);
        }

        _json.Reset();
        _json.WriteStartObject();
        for (var column = 0; column < _names.Length; column++)
        {
            WriteValue(column);
            if (_buffer.WrittenCount + _json.BytesPending > _maxBytes)
            {
                return false;
            }
        }

        _json.WriteEndObject();
        _json.Flush();
        return _buffer.WrittenCount <= _maxBytes;
    }

    private void WriteValue(int column)
    {
        _json.WritePropertyName(_names[column]);
        switch (raw.sqlite3_column_type(_statement, column))
        {
            case raw.SQLITE_INTEGER:
                _json.WriteNumberValue(raw.sqlite3_column_int64(_statement, column));
                break;
            case raw.SQLITE_FLOAT:
                WriteReal(raw.sqlite3_column_double(_statement, column));
                break;
            case raw.SQLITE_TEXT:
                // Asking for text first makes it UTF-8 where the database keeps UTF-16; the bytes then come without a search for the end.
                raw.sqlite3_column_text(_statement, column);
                WriteText(raw.sqlite3_column_blob(_statement, column));
                break;
            case raw.SQLITE_BLOB:
                WriteBlob(raw.sqlite3_column_blob(_statement, column));
                break;
            default:
                _json.WriteNullValue();
                break;
        }
    }

    private void WriteReal(double value)
    {
        if (double.IsFinite(value))
        {
            _json.WriteNumberValue(value);
        }
        else
        {
            _json.WriteStringValue(value > 0 ? "Infinity" : "-Infinity");
        }
    }

    private void WriteText(ReadOnlySpan<byte> text)
    {
        if (Utf8.IsValid(text))
        {
            _json.WriteStringValue(text);
        }
        else
        {
            WriteBlob(text);
        }
    }

    private void WriteBlob(ReadOnlySpan<byte> blob)
    {
        _json.WriteStartObject();
        _json.WriteBase64String("base64", blob);
        _json.WriteEndObject();
    }

    private void Append(ReadOnlySpan<byte> json) => _buffer.Write(json);

    // An object cannot hold a name twice: the second `id` is `id_2`.
    private static List<string> UniqueNames(sqlite3_stmt statement)
    {
        var names = new List<string>();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        for (var column = 0; column < raw.sqlite3_column_count(statement); column++)
        {
            var name = raw.sqlite3_column_name(statement, column).utf8_to_string() ?? "";
            var unique = name;
            for (var number = 2; !seen.Add(unique); number++)
            {
                unique = $"{name}_{number}";
            }

            names.Add(unique);
        }

        return names;
    }
}
