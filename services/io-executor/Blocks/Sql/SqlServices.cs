using Beamline.ExecutorHost.Blocks;

namespace Beamline.IoExecutor.Blocks.Sql;

internal static class SqlServices
{
    /// <summary>What sql.query needs beside itself and the file blocks.</summary>
    public static BlockRegistration AddSqlOptions(this BlockRegistration blocks, IConfiguration configuration)
    {
        blocks.Services.AddOptions<SqlBlockOptions>().Bind(configuration.GetSection(SqlBlockOptions.Section))
            .Validate(static sql => sql.MaxRows > 0, "Sql:MaxRows must be above zero.")
            .Validate(static sql => sql.MaxValueBytes >= 1024, "Sql:MaxValueBytes must be at least 1024.")
            .Validate(static sql => sql.MaxDatabaseBytes >= 64 * 1024, "Sql:MaxDatabaseBytes must be at least 65536.")
            .Validate(static sql => sql.BusyTimeout >= TimeSpan.Zero, "Sql:BusyTimeout must not be below zero.")
            .Validate(static sql => sql.MaxQueryTime > TimeSpan.Zero, "Sql:MaxQueryTime must be above zero.")
            .Validate(static sql => sql.Threads is > 0 and <= 256, "Sql:Threads must be from 1 to 256.")
            .Validate(static sql => sql.QueueCapacity > 0, "Sql:QueueCapacity must be above zero.")
            .ValidateOnStart();
        return blocks;
    }
}
