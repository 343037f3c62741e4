using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;

namespace Beamline.TestKit.Processes;

/// <summary>A file system of a few MiB (a tmpfs of its own) that a test fills and frees: the kernel's real <c>ENOSPC</c>.</summary>
public sealed class SmallDisk : IDisposable
{
    private const int Block = 4096;

    private SmallDisk(string path) => Path = path;

    public string Path { get; }

    private string Ballast => System.IO.Path.Combine(Path, "ballast");

    /// <summary>Mounts it on the folder, which is made; null where this user may not mount.</summary>
    public static SmallDisk? TryMount(string folder, int mebibytes)
    {
        Directory.CreateDirectory(folder);
        return Run("mount", "-t", "tmpfs", "-o", string.Create(CultureInfo.InvariantCulture, $"size={mebibytes}m"), "beamline-test", folder) ? new SmallDisk(folder) : null;
    }

    /// <summary>Takes what room there is, to the last block.</summary>
    public void Fill()
    {
        using var file = new FileStream(Ballast, FileMode.Append, FileAccess.Write, FileShare.None, bufferSize: 0);
        var block = new byte[Block];
        try
        {
            while (true)
            {
                file.Write(block);
            }
        }
        catch (IOException)
        {
            // Full.
        }
    }

    public void Free() => File.Delete(Ballast);

    public void Dispose() => Run("umount", "-l", Path);

    private static bool Run(string command, params string[] arguments)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(command, arguments) { RedirectStandardError = true })!;
            process.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (Win32Exception)
        {
            return false;
        }
    }
}
