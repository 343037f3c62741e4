using Beamline.IoExecutor.Blocks.Files;
using Beamline.TestKit;
using Microsoft.Extensions.Options;

namespace Beamline.IoExecutor.Tests.Files;

/// <summary>The file blocks on a root of the test's own.</summary>
internal sealed class FileFixture : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly FileWork _work;

    public FileFixture(Action<FileBlockOptions>? configure = null)
    {
        var options = new FileBlockOptions { Root = _folder.Path };
        configure?.Invoke(options);
        _work = new FileWork(Options.Create(options), TimeProvider.System);
        Put = new BlobPutBlock(_work);
        Get = new BlobGetBlock(_work);
    }

    public BlobPutBlock Put { get; }

    public BlobGetBlock Get { get; }

    public string Root => _folder.Path;

    /// <summary>The real path of a file of tenant-a, its folder made.</summary>
    public string Real(string relative)
    {
        var path = Path.Combine(_folder.Path, "tenant-a", relative);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        return path;
    }

    public void Dispose()
    {
        _work.Dispose();
        _folder.Dispose();
    }
}
