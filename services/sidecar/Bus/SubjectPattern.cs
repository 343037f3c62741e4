namespace Beamline.Sidecar.Bus;

/// <summary>NATS subjects: tokens between dots, <c>*</c> for one token, a last <c>&gt;</c> for one or more.</summary>
internal sealed class SubjectPattern
{
    private readonly string[] _tokens;
    private readonly bool _exact;

    public SubjectPattern(string text)
    {
        Text = text;
        _tokens = text.Split('.');
        _exact = !text.Contains('*', StringComparison.Ordinal) && !text.Contains('>', StringComparison.Ordinal);
    }

    public string Text { get; }

    public bool Matches(string subject)
    {
        if (_exact)
        {
            return subject == Text;
        }

        var rest = subject.AsSpan();
        for (var index = 0; index < _tokens.Length; index++)
        {
            if (_tokens[index] == ">" && index == _tokens.Length - 1)
            {
                return rest.Length > 0;
            }

            var dot = rest.IndexOf('.');
            var last = index == _tokens.Length - 1;
            var token = dot < 0 ? rest : rest[..dot];
            if (token.IsEmpty || (_tokens[index] != "*" && !token.SequenceEqual(_tokens[index])) || last != dot < 0)
            {
                return false;
            }

            rest = dot < 0 ? [] : rest[(dot + 1)..];
        }

        return true;
    }
}
