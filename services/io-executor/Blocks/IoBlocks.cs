using Beamline.ExecutorHost.Blocks;
using Beamline.IoExecutor.Blocks.Files;
using Beamline.IoExecutor.Blocks.Http;
using Beamline.IoExecutor.Blocks.Sql;

namespace Beamline.IoExecutor.Blocks;

/// <summary>The blocks of the pool <c>io</c>, a line each.</summary>
public static class IoBlocks
{
    public static BlockRegistration AddIoBlocks(this BlockRegistration blocks, IConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(blocks);
        blocks.AddHttpTransport(configuration).Add<HttpRequestBlock>();
        blocks.AddFileWork(configuration).Add<BlobPutBlock>().Add<BlobGetBlock>();
        blocks.AddSqlOptions(configuration).Add<SqlQueryBlock>();
        return blocks;
    }
}
