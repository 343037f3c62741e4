using System.Numerics;
using System.Runtime.InteropServices;

namespace Beamline.GpuExecutor.Blocks;

/// <summary>
/// The product of two row-major matrices of float32 on the CPU's vector units.
/// <para>Each row of the product is a sum of rows of b, scaled by the elements of a's row: b is read along its rows, as memory lies. The depth
/// is cut into blocks whose part of b stays in the cache, while a band of four rows of the product uses each value of b that was loaded:</para>
/// <code>
///            depth block            columns →
///   4 rows [ a a a a ... ]   ×   [ b b b b b b b b ]  ← DepthBlock rows × ColumnBlock columns of b, in cache
///          [ a a a a ... ]       [ b b b b b b b b ]
/// </code>
/// </summary>
internal static class MatMul
{
    private const int RowBand = 4;
    private const int DepthBlock = 128;
    private const int ColumnBlock = 512;

    // Below this many multiplications, handing work to other threads costs more than it gains.
    private const long ParallelFrom = 1L << 20;

    /// <summary><paramref name="a"/> is rows × depth, <paramref name="b"/> depth × columns. The token is looked at between blocks.</summary>
    public static float[] Multiply(float[] a, float[] b, int rows, int depth, int columns, int parallelism, CancellationToken cancellation)
    {
        var product = new float[rows * columns];
        var bands = (rows + RowBand - 1) / RowBand;
        var threads = (long)rows * depth * columns < ParallelFrom ? 1 : Math.Min(parallelism, bands);
        if (threads == 1)
        {
            for (var band = 0; band < bands; band++)
            {
                MultiplyBand(a, b, product, band * RowBand, rows, depth, columns, cancellation);
            }

            return product;
        }

        Parallel.For(0, bands, new ParallelOptions { MaxDegreeOfParallelism = threads, CancellationToken = cancellation },
            band => MultiplyBand(a, b, product, band * RowBand, rows, depth, columns, cancellation));
        return product;
    }

    private static void MultiplyBand(float[] a, float[] b, float[] product, int firstRow, int rows, int depth, int columns, CancellationToken cancellation)
    {
        for (var column = 0; column < columns; column += ColumnBlock)
        {
            var width = Math.Min(ColumnBlock, columns - column);
            for (var from = 0; from < depth; from += DepthBlock)
            {
                cancellation.ThrowIfCancellationRequested();
                var to = Math.Min(from + DepthBlock, depth);
                if (firstRow + RowBand <= rows)
                {
                    AddFourRows(a, b, product, firstRow, depth, columns, column, width, from, to);
                    continue;
                }

                for (var row = firstRow; row < rows; row++)
                {
                    AddRow(a, b, product, row, depth, columns, column, width, from, to);
                }
            }
        }
    }

    private static void AddFourRows(float[] a, float[] b, float[] product, int row, int depth, int columns, int column, int width, int from, int to)
    {
        var p0 = Part(row);
        var p1 = Part(row + 1);
        var p2 = Part(row + 2);
        var p3 = Part(row + 3);
        var v0 = Vectors(p0);
        var v1 = Vectors(p1);
        var v2 = Vectors(p2);
        var v3 = Vectors(p3);
        for (var k = from; k < to; k++)
        {
            var (a0, a1, a2, a3) = (a[(row * depth) + k], a[((row + 1) * depth) + k], a[((row + 2) * depth) + k], a[((row + 3) * depth) + k]);
            var values = b.AsSpan((k * columns) + column, width);
            var vectors = MemoryMarshal.Cast<float, Vector<float>>(values);
            for (var i = 0; i < vectors.Length && i < v0.Length && i < v1.Length && i < v2.Length && i < v3.Length; i++)
            {
                var value = vectors[i];
                v0[i] += value * a0;
                v1[i] += value * a1;
                v2[i] += value * a2;
                v3[i] += value * a3;
            }

            for (var i = vectors.Length * Vector<float>.Count; i < width; i++)
            {
                p0[i] += values[i] * a0;
                p1[i] += values[i] * a1;
                p2[i] += values[i] * a2;
                p3[i] += values[i] * a3;
            }
        }

        Span<float> Part(int of) => product.AsSpan((of * columns) + column, width);
    }

    private static void AddRow(float[] a, float[] b, float[] product, int row, int depth, int columns, int column, int width, int from, int to)
    {
        var sums = product.AsSpan((row * columns) + column, width);
        var sumVectors = Vectors(sums);
        for (var k = from; k < to; k++)
        {
            var factor = a[(row * depth) + k];
            var values = b.AsSpan((k * columns) + column, width);
            var vectors = MemoryMarshal.Cast<float, Vector<float>>(values);
            for (var i = 0; i < vectors.Length && i < sumVectors.Length; i++)
            {
                sumVectors[i] += vectors[i] * factor;
            }

            for (var i = vectors.Length * Vector<float>.Count; i < width; i++)
            {
                sums[i] += values[i] * factor;
            }
        }
    }

    private static Span<Vector<float>> Vectors(Span<float> values) => MemoryMarshal.Cast<float, Vector<float>>(values);
}
