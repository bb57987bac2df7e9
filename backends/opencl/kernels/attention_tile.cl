/* attention_tile.cl - what the kernels of attention on GPUs are made of: tiles of token rows in
 * local memory, and products of them in registers.
 *
 * TX x TY work-items own a tile of OWN rows (queries, or keys) and look at tiles of SEEN rows of
 * the other side. Work-item (tx, ty) holds the products of its rows RI * ty .. with the rows tx, tx
 * + TX .. of the other tile, and the columns tx, tx + TX .. (of four floats) of the result's rows.
 * Set by the host: D, REL_H, REL_W, TX, a divisor of D4, TY, KJ. */
#include "attention_geometry.cl"

#define HAS_REL (REL_H > 0)
#define D4      ((D + 3) / 4)
#define ROW     (D4 + 1) /* float4s from row to row: the rows' columns lie in other banks */
#define RI      4        /* owned rows of a work-item: a float4 of weights */
#define OWN     (RI * TY)
#define SEEN    (KJ * TX)
#define N4      (D4 / TX)
#define ITEMS   (TX * TY)
#define WEIGHTS (OWN + 4) /* floats from row to row of a tile of weights [SEEN][OWN] */

#define WORK_ITEM int item = get_local_id(0), tx = item % TX, ty = item / TX

#define LOWEST (-3.0e38f)

/* Token rows of [batch, tokens, stride], from one head's first column. */
typedef struct {
    __global const float *data;
    int stride;
} rows;

/* The four floats l of a row; zeros past its end. */
static inline float4 load4(__global const float *row, int l)
{
#if D % 4 == 0
    return vload4(l, row);
#else
    float4 x = 0;
    x.x = row[4 * l];
    x.y = 4 * l + 1 < D ? row[4 * l + 1] : 0.0f;
    x.z = 4 * l + 2 < D ? row[4 * l + 2] : 0.0f;
    x.w = 4 * l + 3 < D ? row[4 * l + 3] : 0.0f;
    return x;
#endif
}

static inline void store4(__global float *row, int l, float4 x)
{
#if D % 4 == 0
    vstore4(x, l, row);
#else
    row[4 * l] = x.x;
    if (4 * l + 1 < D)
        row[4 * l + 1] = x.y;
    if (4 * l + 2 < D)
        row[4 * l + 2] = x.z;
    if (4 * l + 3 < D)
        row[4 * l + 3] = x.w;
#endif
}

/* Tile rows 0 .. size-1: keys first .. first+count-1 of a window, then zeros. */
static inline void load_keys(__local float4 *tile, int size, rows from, __global const float *pad,
                             geometry g, window w, int first, int count)
{
    for (int e = get_local_id(0); e < size * D4; e += ITEMS) {
        int i = e / D4, l = e % D4, token = i < count ? key_token(g, w, first + i) : -1;
        float4 x = 0;
        if (token >= 0)
            x = load4(from.data + (size_t)token * from.stride, l);
        else if (i < count && pad)
            x = load4(pad, l);
        tile[i * ROW + l] = x;
    }
}

static inline void load_queries(__local float4 *tile, int size, rows from, geometry g, window w,
                                int first, int count)
{
    for (int e = get_local_id(0); e < size * D4; e += ITEMS) {
        int i = e / D4, l = e % D4;
        float4 x = 0;
        if (i < count)
            x = load4(from.data + (size_t)query_token(g, w, first + i) * from.stride, l);
        tile[i * ROW + l] = x;
    }
}

/* Products of owned and seen rows. */
static inline void multiply(float product[RI][KJ], __local const float4 *own,
                            __local const float4 *seen, int tx, int ty)
{
    for (int r = 0; r < RI; r++)
        for (int c = 0; c < KJ; c++)
            product[r][c] = 0;
    for (int l = 0; l < D4; l++) {
        float4 a[RI], b[KJ];
        for (int r = 0; r < RI; r++)
            a[r] = own[(ty * RI + r) * ROW + l];
        for (int c = 0; c < KJ; c++)
            b[c] = seen[(tx + TX * c) * ROW + l];
        for (int r = 0; r < RI; r++)
            for (int c = 0; c < KJ; c++) {
                float sum = fma(a[r].x, b[c].x, product[r][c]);
                sum = fma(a[r].y, b[c].y, sum);
                sum = fma(a[r].z, b[c].z, sum);
                product[r][c] = fma(a[r].w, b[c].w, sum);
            }
    }
}

/* What a work-item holds becomes a tile of weights. */
static inline void store_weights(__local float *weights, float x[RI][KJ], int tx, int ty)
{
    for (int c = 0; c < KJ; c++)
        *(__local float4 *)(weights + (tx + TX * c) * WEIGHTS + ty * RI) =
            (float4)(x[0][c], x[1][c], x[2][c], x[3][c]);
}

/* sum of owned rows += weights times seen rows. */
static inline void add_weighted(float4 sum[RI][N4], __local const float *weights,
                                __local const float4 *seen, int tx, int ty)
{
    for (int j = 0; j < SEEN; j++) {
        float4 w = *(__local const float4 *)(weights + j * WEIGHTS + ty * RI);
        for (int n = 0; n < N4; n++) {
            float4 x = seen[j * ROW + tx + TX * n];
            sum[0][n] = fma((float4)(w.x), x, sum[0][n]);
            sum[1][n] = fma((float4)(w.y), x, sum[1][n]);
            sum[2][n] = fma((float4)(w.z), x, sum[2][n]);
            sum[3][n] = fma((float4)(w.w), x, sum[3][n]);
        }
    }
}

static inline void clear_rows(float4 x[RI][N4])
{
    for (int r = 0; r < RI; r++)
        for (int n = 0; n < N4; n++)
            x[r][n] = 0;
}

static inline float relative(query_values values, int win_w, int key, int slot)
{
#if HAS_REL
    return values.by_row[(size_t)(key / win_w) * values.slots + slot] +
           values.by_col[(size_t)(key % win_w) * values.slots + slot];
#else
    return 0;
#endif
}
