namespace Beamline.GpuExecutor.Blocks;

internal sealed partial class MatMulBlock
{
    [LoggerMessage(Level = LogLevel.Information, Message = "compute.matmul runs on {Device}: vectors of {VectorWidth} floats, at most {Threads} threads")]
    private static partial void DeviceChosen(ILogger logger, string device, int vectorWidth, int threads);
}
