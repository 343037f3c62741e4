using Beamline.ExecutorHost.Blocks;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Beamline.IoExecutor.Blocks.Files;

internal static class FileServices
{
    /// <summary>What the file blocks share.</summary>
    public static BlockRegistration AddFileWork(this BlockRegistration blocks, IConfiguration configuration)
    {
        blocks.Services.AddOptions<FileBlockOptions>().Bind(configuration.GetSection(FileBlockOptions.Section))
            .Validate(static fs => !string.IsNullOrWhiteSpace(fs.Root), "Fs:Root must name a folder.")
            .Validate(static fs => fs.Threads is > 0 and <= 256, "Fs:Threads must be from 1 to 256.")
            .Validate(static fs => fs.QueueCapacity > 0, "Fs:QueueCapacity must be above zero.")
            .Validate(static fs => fs.AbandonedAfter > TimeSpan.Zero, "Fs:AbandonedAfter must be above zero.")
            .ValidateOnStart();
        blocks.Services.TryAddSingleton(TimeProvider.System);
        blocks.Services.AddSingleton<FileWork>();
        return blocks;
    }
}
