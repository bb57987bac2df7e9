/* gemm_tiled.cl - matrix products for GPUs: C = act(alpha op(A) op(B) + bias + residual), or with
 * the slope of the residual as a factor.
 *
 * 16 x 16 work-items make a tile of TM x TN of C. Slices of KT columns of op(A) and rows of op(B)
 * pass through local memory; the next slice is fetched into registers while one is multiplied. Set
 * by the host: TM, TN: 32, 64 or 128, TRANS_A, TRANS_B. Where k is cut in `splits` parts,
 * gemm_epilogue adds them. */
#include "gemm_finish.cl"

#define SIDE  16
#define ITEMS (SIDE * SIDE)
#define KT    16
#define RM    (TM / SIDE)
#define RN    (TN / SIDE)

#define ROW(t) ((t) + 4) /* floats from row to row of a tile: their columns lie in other banks */

/* Of a slice of X, whose element (o, k) lies at o * outer + k * inner, a work-item fetches TO * KT
 * / ITEMS elements; neighbours fetch what lies side by side. */
#define SLICE(name, TO, K_RUNS)                                                                    \
    static inline int name##_outer(int i, int item)                                                \
    {                                                                                              \
        int e = i * ITEMS + item;                                                                  \
        return K_RUNS ? e / KT : e % TO;                                                           \
    }                                                                                              \
    static inline int name##_k(int i, int item)                                                    \
    {                                                                                              \
        int e = i * ITEMS + item;                                                                  \
        return K_RUNS ? e % KT : e / TO;                                                           \
    }                                                                                              \
    static inline void fetch_##name(float kept[TO * KT / ITEMS], __global const float *x, int row, \
                                    int rows, int k, int k_end, int stride, int item)              \
    {                                                                                              \
        for (int i = 0; i < TO * KT / ITEMS; i++) {                                                \
            int o = row + name##_outer(i, item), at = k + name##_k(i, item);                       \
            size_t place = K_RUNS ? (size_t)o * stride + at : (size_t)at * stride + o;             \
            kept[i] = o < rows && at < k_end ? x[place] : 0.0f;                                    \
        }                                                                                          \
    }                                                                                              \
    static inline void keep_##name(__local float *tile, const float kept[TO * KT / ITEMS],         \
                                   int item)                                                       \
    {                                                                                              \
        for (int i = 0; i < TO * KT / ITEMS; i++)                                                  \
            tile[name##_k(i, item) * ROW(TO) + name##_outer(i, item)] = kept[i];                   \
    }
SLICE(a, TM, !TRANS_A)
SLICE(b, TN, TRANS_B)

/* A work-item's rows and columns of the tile: vectors, SIDE of them apart. */
#define RUN_M        (RM < 4 ? RM : 4)
#define RUN_N        (RN < 4 ? RN : 4)
#define ROW_OF(r)    ((r) / RUN_M * RUN_M * SIDE + ty * RUN_M + (r) % RUN_M)
#define COLUMN_OF(c) ((c) / RUN_N * RUN_N * SIDE + tx * RUN_N + (c) % RUN_N)

/* A whole vector at its natural alignment; RUNS is 2 or more than 2. */
#define READ_RUN(RUNS, to, from)                                                                   \
    do {                                                                                           \
        if (RUNS > 2)                                                                              \
            vstore4(*(const __local float4 *)(from), 0, to);                                       \
        else                                                                                       \
            vstore2(*(const __local float2 *)(from), 0, to);                                       \
    } while (0)

/* Group (tile of columns, tile of rows, part of k and batch item). Parts [batch][splits][m][n]. */
__kernel __attribute__((reqd_work_group_size(ITEMS, 1, 1))) void
gemm_tiled(__global const float *a_all, __global const float *b_all, __global const float *bias,
           __global const float *residual_all, __global float *c_all, __global float *parts, int m,
           int n, int k, float alpha, int act, int splits, int k_each, int swap_rows,
           int swap_columns)
{
    __local float4 a_tile[KT * ROW(TM) / 4], b_tile[KT * ROW(TN) / 4];
    int item = get_local_id(0), tx = item % SIDE, ty = item / SIDE;
    int row = get_group_id(1) * TM, column = get_group_id(0) * TN, part = get_global_id(2);
    int batch = part / splits, k_begin = part % splits * k_each, k_end = min(k, k_begin + k_each);
    __global const float *a = a_all + (size_t)batch * m * k, *b = b_all + (size_t)batch * k * n;
    const int a_stride = TRANS_A ? m : k, b_stride = TRANS_B ? k : n;
    float sum[RM][RN], a_next[TM * KT / ITEMS], b_next[TN * KT / ITEMS];
    for (int r = 0; r < RM; r++)
        for (int c = 0; c < RN; c++)
            sum[r][c] = 0;
    fetch_a(a_next, a, row, m, k_begin, k_end, a_stride, item);
    fetch_b(b_next, b, column, n, k_begin, k_end, b_stride, item);
    for (int at = k_begin; at < k_end; at += KT) {
        barrier(CLK_LOCAL_MEM_FENCE);
        keep_a((__local float *)a_tile, a_next, item);
        keep_b((__local float *)b_tile, b_next, item);
        barrier(CLK_LOCAL_MEM_FENCE);
        fetch_a(a_next, a, row, m, at + KT, k_end, a_stride, item);
        fetch_b(b_next, b, column, n, at + KT, k_end, b_stride, item);
        for (int l = 0; l < KT; l++) {
            float x[RM], y[RN];
            for (int r = 0; r < RM; r += RUN_M)
                READ_RUN(RM, x + r, (const __local float *)a_tile + l * ROW(TM) + ROW_OF(r));
            for (int c = 0; c < RN; c += RUN_N)
                READ_RUN(RN, y + c, (const __local float *)b_tile + l * ROW(TN) + COLUMN_OF(c));
            for (int r = 0; r < RM; r++)
                for (int c = 0; c < RN; c++)
                    sum[r][c] = fma(x[r], y[c], sum[r][c]);
        }
    }
    size_t begin = (size_t)batch * m * n;
    __global const float *residual = residual_all ? residual_all + begin : 0;
    product p = {c_all + begin, bias, residual, n, act, alpha, swap_rows, swap_columns};
    for (int r = 0; r < RM; r++)
        for (int c = 0; c < RN; c++) {
            int i = row + ROW_OF(r), j = column + COLUMN_OF(c);
            if (i >= m || j >= n)
                continue;
            if (splits > 1)
                parts[((size_t)part * m + i) * n + j] = sum[r][c];
            else
                finish(p, i, j, sum[r][c]);
        }
}
