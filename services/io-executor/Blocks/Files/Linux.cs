using System.Buffers.Binary;
using System.ComponentModel;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Beamline.IoExecutor.Blocks.Files;

/// <summary>The few system calls that .NET has no API for: opening relative to a folder without following links, and what goes with it.</summary>
internal static partial class Linux
{
    public const int ReadOnly = 0;
    public const int WriteOnly = 1;
    public const int Create = 0x40;
    public const int Exclusive = 0x80;
    public const int CloseOnExec = 0x80000;

    /// <summary>Opening a FIFO must not wait for its other end; regular files ignore it.</summary>
    public const int NonBlocking = 0x800;

    public const int NotFound = 2;
    public const int Exists = 17;
    public const int NotADirectory = 20;
    public const int IsADirectory = 21;
    public const int NoSpace = 28;
    public const int TooManyLinks = 40;
    public const int CrossDevice = 18;
    public const int NoSuchDevice = 6;
    public const int QuotaExceeded = 122;

    private const int NotImplemented = 38;
    private const int NotPermitted = 1;
    private const int Again = 11;
    private const int CurrentFolder = -100;
    private const int NoFollowForStat = 0x100;
    private const int EmptyPath = 0x1000;
    private const long OpenAt2 = 437;

    // RESOLVE_NO_XDEV is left out: an operator may mount a tenant's folder. No links of either kind, nothing above the start.
    private const ulong ResolveBeneathWithoutLinks = 0x08 | 0x04 | 0x02;

    // O_DIRECTORY and O_NOFOLLOW are the two flags whose values differ between the architectures that .NET runs on.
    private static readonly bool Arm = RuntimeInformation.ProcessArchitecture is Architecture.Arm64 or Architecture.Arm;
    private static int _openAt2Missing;

    public static int Directory { get; } = Arm ? 0x4000 : 0x10000;

    private static int NoFollow { get; } = Arm ? 0x8000 : 0x20000;

    /// <summary>Opens a folder by an absolute path of the operator's (links allowed).</summary>
    public static SafeFileHandle OpenFolder(string path) =>
        Owned(OpenAtNative(CurrentFolder, path, ReadOnly | Directory | CloseOnExec, 0), path);

    /// <summary>
    /// Opens a path below <paramref name="folder"/> without following any link: by openat2 where the kernel has it, else name by name.
    /// </summary>
    public static unsafe SafeFileHandle OpenBeneath(SafeFileHandle folder, IReadOnlyList<string> names, int flags)
    {
        flags |= CloseOnExec;
        if (Volatile.Read(ref _openAt2Missing) == 0)
        {
            var how = new OpenHow { Flags = (ulong)(flags | NoFollow), Resolve = ResolveBeneathWithoutLinks };
            long descriptor;
            int error;
            do
            {
                descriptor = OpenAt2Native(OpenAt2, Descriptor(folder), string.Join('/', names), &how, sizeof(OpenHow));
                error = Marshal.GetLastPInvokeError();
            }
            while (descriptor < 0 && error == Again); // A rename elsewhere raced with the walk: the kernel asks to repeat.

            // Sandboxes answer EPERM for calls that they do not know.
            if (descriptor >= 0 || error is not (NotImplemented or NotPermitted))
            {
                return Owned((int)descriptor, string.Join('/', names));
            }

            Volatile.Write(ref _openAt2Missing, 1);
        }

        return WalkBeneath(folder, names, flags);
    }

    /// <summary>The same without openat2.</summary>
    internal static SafeFileHandle WalkBeneath(SafeFileHandle folder, IReadOnlyList<string> names, int flags)
    {
        var current = folder;
        try
        {
            for (var i = 0; i < names.Count - 1; i++)
            {
                var next = OpenChild(current, names[i], ReadOnly | Directory);
                Release(current, folder);
                current = next;
            }

            return OpenChild(current, names[^1], flags);
        }
        finally
        {
            Release(current, folder);
        }
    }

    /// <summary>Opens one name in a folder; a link is refused.</summary>
    public static SafeFileHandle OpenChild(SafeFileHandle folder, string name, int flags) =>
        Owned(OpenAtNative(Descriptor(folder), name, flags | NoFollow | CloseOnExec, 0x1B0 /* 0660 */), name);

    /// <summary>Makes a folder; one that is there already is fine.</summary>
    public static void MakeFolder(SafeFileHandle folder, string name)
    {
        if (MkdirAtNative(Descriptor(folder), name, 0x1F8 /* 0770 */) != 0 && Marshal.GetLastPInvokeError() != Exists)
        {
            throw Failure(name);
        }
    }

    /// <summary>Replaces what is there in one step.</summary>
    public static void Rename(SafeFileHandle fromFolder, string from, SafeFileHandle toFolder, string to) =>
        Check(RenameAtNative(Descriptor(fromFolder), from, Descriptor(toFolder), to), to);

    /// <summary>Tidies up: what cannot be removed now is removed as abandoned later.</summary>
    public static void TryRemove(SafeFileHandle folder, string name) => _ = UnlinkAtNative(Descriptor(folder), name, 0);

    /// <summary>Waits until a folder's entries, or a file's content, are on the disk.</summary>
    public static void Sync(SafeFileHandle handle) => Check(FsyncNative(Descriptor(handle)), "fsync");

    /// <summary>What an open handle is.</summary>
    public static FileFacts Facts(SafeFileHandle handle) => Stat(handle, "", EmptyPath) ?? throw Failure("stat");

    /// <summary>What a name in a folder is, links not followed; null where there is nothing.</summary>
    public static FileFacts? Facts(SafeFileHandle folder, string name) => Stat(folder, name, NoFollowForStat);

    /// <summary>False where the file system keeps no attributes.</summary>
    public static unsafe bool TrySetAttribute(SafeFileHandle file, string name, ReadOnlySpan<byte> value)
    {
        fixed (byte* bytes = value)
        {
            return SetAttributeNative(Descriptor(file), name, bytes, value.Length, 0) == 0;
        }
    }

    /// <summary>Null where there is none.</summary>
    public static unsafe byte[]? GetAttribute(SafeFileHandle file, string name)
    {
        var buffer = stackalloc byte[256];
        var length = GetAttributeNative(Descriptor(file), name, buffer, 256);
        return length < 0 ? null : new ReadOnlySpan<byte>(buffer, (int)length).ToArray();
    }

    private static unsafe FileFacts? Stat(SafeFileHandle folder, string name, int flags)
    {
        var buffer = stackalloc byte[256];
        if (StatNative(Descriptor(folder), name, flags, 0x7FF, buffer) != 0)
        {
            return Marshal.GetLastPInvokeError() == NotFound ? null : throw Failure(name);
        }

        // struct statx is the same on every architecture: links at 16, mode at 28, size at 40.
        var bytes = new ReadOnlySpan<byte>(buffer, 256);
        var type = BinaryPrimitives.ReadUInt16LittleEndian(bytes[28..]) & 0xF000;
        return new FileFacts(IsRegular: type == 0x8000, IsFolder: type == 0x4000, Links: BinaryPrimitives.ReadUInt32LittleEndian(bytes[16..]), Size: BinaryPrimitives.ReadInt64LittleEndian(bytes[40..]));
    }

    private static int Descriptor(SafeFileHandle handle) => (int)handle.DangerousGetHandle();

    private static SafeFileHandle Owned(int descriptor, string name) => descriptor < 0 ? throw Failure(name) : new SafeFileHandle(descriptor, ownsHandle: true);

    private static void Release(SafeFileHandle current, SafeFileHandle keep)
    {
        if (!ReferenceEquals(current, keep))
        {
            current.Dispose();
        }
    }

    private static void Check(int result, string name)
    {
        if (result != 0)
        {
            throw Failure(name);
        }
    }

    private static Win32Exception Failure(string name)
    {
        var error = Marshal.GetLastPInvokeError();
        return new Win32Exception(error, $"{name}: {Marshal.GetPInvokeErrorMessage(error)}");
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct OpenHow
    {
        public ulong Flags;
        public ulong Mode;
        public ulong Resolve;
    }

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static unsafe partial long OpenAt2Native(long number, long folder, string path, OpenHow* how, long size);

    [LibraryImport("libc", EntryPoint = "openat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int OpenAtNative(int folder, string path, int flags, int mode);

    [LibraryImport("libc", EntryPoint = "mkdirat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int MkdirAtNative(int folder, string path, int mode);

    [LibraryImport("libc", EntryPoint = "renameat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int RenameAtNative(int fromFolder, string from, int toFolder, string to);

    [LibraryImport("libc", EntryPoint = "unlinkat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int UnlinkAtNative(int folder, string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int FsyncNative(int descriptor);

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static unsafe partial int StatNative(int folder, string path, int flags, uint mask, byte* buffer);

    [LibraryImport("libc", EntryPoint = "fsetxattr", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static unsafe partial int SetAttributeNative(int descriptor, string name, byte* value, nint size, int flags);

    [LibraryImport("libc", EntryPoint = "fgetxattr", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static unsafe partial nint GetAttributeNative(int descriptor, string name, byte* value, nint size);
}

/// <summary>What a file is. <paramref name="Links"/> counts its names: more than one means that it may also lie elsewhere.</summary>
internal readonly record struct FileFacts(bool IsRegular, bool IsFolder, uint Links, long Size);
