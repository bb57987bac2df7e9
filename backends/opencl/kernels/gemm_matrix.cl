/* gemm_matrix.cl - matrix products on matrix units: C = act(alpha op(A) op(B) + bias + residual),
 * or with the slope of the residual as a factor.
 *
 * A group makes a tile of TM x TN of C, each of its warps WM x WN of it. Slices of KT columns of
 * op(A) and rows of op(B) pass through local memory, two at a time: one is multiplied while the
 * next is fetched. Set by the host: TM, TN, WM, WN: multiples of 16, TRANS_A, TRANS_B, and RUN: 4
 * where rows of A and B begin at multiples of four floats, else 1. Where k is cut in `splits`
 * parts, gemm_epilogue adds them. */
#include "gemm_finish.cl"
#include "mma.cl"

#define KT    (TM * TN > 64 * 64 ? 16 : 32)
#define ITEMS (TM / WM * (TN / WN) * WARP)
#define MI    (WM / 16)
#define NI    (WN / 8)

/* A slice lies in local memory as in the matrix; rows begin so that a part meets each bank once. As
 * the order of k is free, what the layout calls t and t + 4 are neighbours: 2 t and 2 t + 1. */
#define A_ROW      (TRANS_A ? TM + 4 : KT + 8)
#define B_ROW      (TRANS_B ? KT + 8 : TN + 4)
#define A_FLOATS   ((TRANS_A ? KT : TM) * A_ROW)
#define B_FLOATS   ((TRANS_B ? TN : KT) * B_ROW)
#define A_AT(i, l) (TRANS_A ? (l)*A_ROW + (i) : (i)*A_ROW + (l))
#define B_AT(l, j) (TRANS_B ? (j)*B_ROW + (l) : (l)*B_ROW + (j))

#if RUN == 4
typedef float4 run;
#else
typedef float run;
#endif

/* Of a slice of X whose rows are runs of k (K_RUNS) or of the other index, a work-item fetches
 * its share; neighbours fetch what lies side by side. */
#define SLICE(name, TO, K_RUNS, ROW)                                                               \
    REGISTERS void fetch_##name(run kept[TO * KT / RUN / ITEMS], __global const float *x,          \
                                int first, int end, int k, int k_end, int stride, int item)        \
    {                                                                                              \
        EACH (i, TO * KT / RUN / ITEMS) {                                                          \
            int e = (i * ITEMS + item) * RUN;                                                      \
            int o = first + (K_RUNS ? e / KT : e % TO), l = k + (K_RUNS ? e % KT : e / TO);        \
            size_t at = K_RUNS ? (size_t)o * stride + l : (size_t)l * stride + o;                  \
            kept[i] = o < end && l < k_end ? *(__global const run *)(x + at) : (run)(0);           \
        }                                                                                          \
    }                                                                                              \
    REGISTERS void keep_##name(__local float *tile, const run kept[TO * KT / RUN / ITEMS],         \
                               int item)                                                           \
    {                                                                                              \
        EACH (i, TO * KT / RUN / ITEMS) {                                                          \
            int e = (i * ITEMS + item) * RUN;                                                      \
            int at = K_RUNS ? e / KT * ROW + e % KT : e / TO * ROW + e % TO;                       \
            *(__local run *)(tile + at) = kept[i];                                                 \
        }                                                                                          \
    }
SLICE(a, TM, !TRANS_A, A_ROW)
SLICE(b, TN, TRANS_B, B_ROW)

/* Adds the products of a slice; row, column: the warp's place in the tile, and its work-item's. A
 * slice has its own sum: the units cut off what does not fit a sum, ordinary additions round. */
REGISTERS void multiply(float sum[MI][NI][4], __local const float *a_tile,
                        __local const float *b_tile, int row, int column, int g, int t)
{
    float slice[MI][NI][4];
    CLEAR(slice, MI, NI);
    EACH (l, KT / 8) {
        part_a a[MI];
        part_b b[NI];
        EACH (i, MI)
            EACH (e, 4)
                SPLIT(a[i], e, a_tile[A_AT(row + i * 16 + g + e % 2 * 8, 8 * l + 2 * t + e / 2)]);
        EACH (j, NI)
            EACH (e, 2)
                SPLIT(b[j], e, b_tile[B_AT(8 * l + 2 * t + e, column + j * 8 + g)]);
        MMA(slice, a, b, MI, NI);
    }
    EACH (i, MI)
        EACH (j, NI)
            EACH (e, 4)
                sum[i][j][e] += slice[i][j][e];
}

/* Group (tile of columns, tile of rows, part of k and batch item). Parts [batch][splits][m][n]. */
__kernel __attribute__((reqd_work_group_size(ITEMS, 1, 1))) void
gemm_matrix(__global const float *a_all, __global const float *b_all, __global const float *bias,
            __global const float *residual_all, __global float *c_all, __global float *parts, int m,
            int n, int k, float alpha, int act, int splits, int k_each, int swap_rows,
            int swap_columns)
{
    __local float4 a_tiles[2][A_FLOATS / 4], b_tiles[2][B_FLOATS / 4];
    int item = get_local_id(0), warp = item / WARP, g = LANE_ROW(item), t = LANE_COLUMN(item);
    int row = warp / (TN / WN) * WM, column = warp % (TN / WN) * WN;
    int m0 = get_group_id(1) * TM, n0 = get_group_id(0) * TN, part = get_global_id(2);
    int batch = part / splits, k_begin = part % splits * k_each, k_end = min(k, k_begin + k_each);
    __global const float *a = a_all + (size_t)batch * m * k, *b = b_all + (size_t)batch * k * n;
    const int a_stride = TRANS_A ? m : k, b_stride = TRANS_B ? k : n;
    float sum[MI][NI][4];
    run a_next[TM * KT / RUN / ITEMS], b_next[TN * KT / RUN / ITEMS];
    CLEAR(sum, MI, NI);
    fetch_a(a_next, a, m0, m, k_begin, k_end, a_stride, item);
    fetch_b(b_next, b, n0, n, k_begin, k_end, b_stride, item);
    int turn = 0;
    for (int at = k_begin; at < k_end; at += KT, turn ^= 1) {
        keep_a((__local float *)a_tiles[turn], a_next, item);
        keep_b((__local float *)b_tiles[turn], b_next, item);
        barrier(CLK_LOCAL_MEM_FENCE);
        fetch_a(a_next, a, m0, m, at + KT, k_end, a_stride, item);
        fetch_b(b_next, b, n0, n, at + KT, k_end, b_stride, item);
        multiply(sum, (__local const float *)a_tiles[turn], (__local const float *)b_tiles[turn],
                 row, column, g, t);
    }
    size_t begin = (size_t)batch * m * n;
    __global const float *residual = residual_all ? residual_all + begin : 0;
    product p = {c_all + begin, bias, residual, n, act, alpha, swap_rows, swap_columns};
    EACH (i, MI)
        EACH (j, NI)
            EACH (e, 4) {
                int y = m0 + row + i * 16 + g + e / 2 * 8;
                int x = n0 + column + j * 8 + 2 * t + e % 2;
                if (y >= m || x >= n)
                    continue;
                if (splits > 1)
                    parts[((size_t)part * m + y) * n + x] = sum[i][j][e];
                else
                    finish(p, y, x, sum[i][j][e]);
            }
}
