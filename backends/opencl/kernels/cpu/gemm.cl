/* cpu/gemm.cl - matrix products for CPU devices: C = act(alpha op(A) op(B) + bias + residual).
 *
 * The classical layering (Goto and van de Geijn, ACM TOMS 34(3), 2008) with one work-item per
 * work-group, so that nothing is split at barriers: a work-item owns a block of TILES x MR rows and
 * a run of panels of NR = 2V columns. For each KC deep slice it packs its rows of A privately (for
 * L2), then passes panels of B (for L1) under a MR x NR tile of accumulators (registers).
 *
 * Set by the host: MR (4, 6, 8, 12), TILES, KC, TRANS_A, TRANS_B, and B_DIRECT: B is row-major and
 * each slice of a panel is copied privately, else B comes packed by pack_b. */

#define NR (2 * V)

#define EACH_4(X)  X(0) X(1) X(2) X(3)
#define EACH_6(X)  EACH_4(X) X(4) X(5)
#define EACH_8(X)  EACH_6(X) X(6) X(7)
#define EACH_12(X) EACH_8(X) X(8) X(9) X(10) X(11)
#define EACH_ROW   CAT(EACH_, MR)

#if B_DIRECT
#define B_SPACE __private
#else
#define B_SPACE __global
#endif

/* B [n, k] (TRANS_B) or [k, n] to panels [ceil(n / NR)][k][NR], zero beyond n. A work-item packs a
 * slice of KC rows of one panel. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
pack_b(__global const float *b_all, __global float *packed_all, int n, int k)
{
    int panel = get_global_id(0), first = get_global_id(1) * KC, batch = get_global_id(2);
    int last = min(k, first + KC), columns = min(NR, n - panel * NR);
    __global const float *b = b_all + (size_t)batch * n * k;
    size_t panels = (n + NR - 1) / NR;
    __global float *to = packed_all + ((size_t)batch * panels + panel) * k * NR;
    for (int l = first; l < last; l++)
        for (int c = columns; c < NR; c++)
            to[(size_t)l * NR + c] = 0;
#if TRANS_B
    for (int c = 0; c < columns; c++) {
        __global const float *from = b + (size_t)(panel * NR + c) * k;
        for (int l = first; l < last; l++)
            to[(size_t)l * NR + c] = from[l];
    }
#else
    for (int l = first; l < last; l++) {
        __global const float *from = b + (size_t)l * n + panel * NR;
        for (int c = 0; c < columns; c++)
            to[(size_t)l * NR + c] = from[c];
    }
#endif
}

/* Rows row .. row+MR-1 and depth first .. first+depth-1 of A, as [depth][MR]; zero beyond m. */
static inline void pack_a_tile(__global const float *a, __private float *to, int row, int m, int k,
                               int first, int depth)
{
    for (int r = 0; r < MR; r++) {
        if (row + r >= m) {
            for (int l = 0; l < depth; l++)
                to[l * MR + r] = 0;
            continue;
        }
#if TRANS_A
        __global const float *from = a + (size_t)first * m + row + r;
        for (int l = 0; l < depth; l++)
            to[l * MR + r] = from[(size_t)l * m];
#else
        __global const float *from = a + (size_t)(row + r) * k + first;
        for (int l = 0; l < depth; l++)
            to[l * MR + r] = from[l];
#endif
    }
}

typedef struct {
    __global float *c;
    __global const float *bias, *residual;
    int m, n, act;
    float alpha;
    bool begins, ends; /* first and last slice of the depth */
} output;

static inline floatV activate(floatV x, int act)
{
    if (act == 1)
        return fmax(x, (floatV)(0));
    if (act == 2)
        return 0.5f * x * (1.0f + erf(x * 0.70710678118654752440f));
    return x;
}

/* V columns of a row. The first slice starts from the residual, so that C may be the residual;
 * later ones add to what is there; the last one finishes. */
static inline floatV finish(floatV sum, floatV before, floatV bias, output o)
{
    floatV x = before + sum * o.alpha;
    return o.ends ? activate(x + bias, o.act) : x;
}

static inline void store_vector(floatV sum, output o, int row, int column)
{
    if (row >= o.m || column >= o.n)
        return;
    size_t at = (size_t)row * o.n + column;
    __global const float *before = o.begins ? o.residual : o.c;
    __global const float *bias = o.ends ? o.bias : 0;
    const floatV zero = 0;
    if (column + V <= o.n) {
        floatV x = finish(sum, before ? vloadV(0, before + at) : zero,
                          bias ? vloadV(0, bias + column) : zero, o);
        vstoreV(x, 0, o.c + at);
        return;
    }
    float lanes[V];
    vstoreV(sum, 0, lanes);
    for (int c = 0; column + c < o.n; c++)
        o.c[at + c] = finish((floatV)(lanes[c]), before ? before[at + c] : zero,
                             bias ? bias[column + c] : zero, o)
                          .s0;
}

#define ZERO_ROW(r) floatV low##r = 0, high##r = 0;
#define MULTIPLY_ROW(r)                                                                            \
    low##r = fma((floatV)(a[r]), b_low, low##r);                                                   \
    high##r = fma((floatV)(a[r]), b_high, high##r);
#define STORE_ROW(r)                                                                               \
    store_vector(low##r, o, row + r, column);                                                      \
    store_vector(high##r, o, row + r, column + V);

/* The register tile. */
static inline void multiply_tile(__private const float *a, B_SPACE const float *b, int depth,
                                 output o, int row, int column)
{
    EACH_ROW(ZERO_ROW)
    for (int l = 0; l < depth; l++, a += MR, b += NR) {
        floatV b_low = vloadV(0, b), b_high = vloadV(1, b);
        EACH_ROW(MULTIPLY_ROW)
    }
    EACH_ROW(STORE_ROW)
}

/* Copies a slice of a panel of row-major B [k, n] privately, zero beyond n. */
static inline void copy_panel(__global const float *b, __private float *to, int n, int panel,
                              int first, int depth)
{
    int columns = min(NR, n - panel * NR);
    for (int l = 0; l < depth; l++) {
        __global const float *from = b + (size_t)(first + l) * n + panel * NR;
        for (int c = 0; c < NR; c++)
            to[l * NR + c] = c < columns ? from[c] : 0.0f;
    }
}

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
gemm(__global const float *a_all, __global const float *b_all, __global const float *bias,
     __global const float *residual_all, __global float *c_all, int m, int n, int k, float alpha,
     int act, int panels_each)
{
    int block = get_global_id(1) * TILES * MR, batch = get_global_id(2);
    int panel_count = (n + NR - 1) / NR, first_panel = get_global_id(0) * panels_each;
    int end_panel = min(panel_count, first_panel + panels_each);
    int tiles = min(TILES, (m - block + MR - 1) / MR);
    size_t b_size = B_DIRECT ? (size_t)n * k : (size_t)panel_count * NR * k;
    __global const float *a = a_all + (size_t)batch * m * k, *b = b_all + batch * b_size;
    size_t c_start = (size_t)batch * m * n;
    output o = {c_all + c_start, bias, residual_all ? residual_all + c_start : 0, m, n, act, alpha};
    float a_block[TILES * MR * KC];
#if B_DIRECT
    float b_panel[KC * NR];
#endif
    for (int first = 0; first < k; first += KC) {
        int depth = min(KC, k - first);
        o.begins = first == 0;
        o.ends = first + depth == k;
        for (int t = 0; t < tiles; t++)
            pack_a_tile(a, a_block + t * MR * KC, block + t * MR, m, k, first, depth);
        for (int panel = first_panel; panel < end_panel; panel++) {
#if B_DIRECT
            copy_panel(b, b_panel, n, panel, first, depth);
            B_SPACE const float *from = b_panel;
#else
            B_SPACE const float *from = b + ((size_t)panel * k + first) * NR;
#endif
            for (int t = 0; t < tiles; t++)
                multiply_tile(a_block + t * MR * KC, from, depth, o, block + t * MR, panel * NR);
        }
    }
}

/* Few rows against W [n, k]: c = act(alpha a[m] . w[n] + bias[n] + residual), W read once. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
gemm_few_rows(__global const float *a_all, __global const float *w_all, __global const float *bias,
              __global const float *residual_all, __global float *c_all, int m, int n, int k,
              float alpha, int act, int columns_each)
{
    int first = get_global_id(0) * columns_each, last = min(n, first + columns_each);
    size_t batch = get_global_id(2);
    __global const float *w = w_all + batch * n * k;
    int whole = k / V * V;
    for (int column = first; column < last; column++)
        for (int row = 0; row < m; row++) {
            __global const float *x = a_all + (batch * m + row) * k, *y = w + (size_t)column * k;
            floatV wide = 0;
            for (int l = 0; l < whole; l += V)
                wide = fma(vloadV(0, x + l), vloadV(0, y + l), wide);
            float sum = sumV(wide);
            for (int l = whole; l < k; l++)
                sum += x[l] * y[l];
            size_t at = (batch * m + row) * n + column;
            sum = sum * alpha + (bias ? bias[column] : 0) + (residual_all ? residual_all[at] : 0);
            c_all[at] = activate((floatV)(sum), act).s0;
        }
}
