/* attention_tile.cl - what the kernels of attention on GPUs are made of: tiles of token rows, and
 * products of them.
 *
 * A group of ITEMS work-items owns a tile of OWN rows (queries, or keys) and looks at tiles of SEEN
 * rows of the other side, in local memory. How the work is shared out, attention_fma.cl or
 * attention_mma.cl says: a work-item holds the products of the owned rows OWN_ROW(r), r < RI, with
 * the seen rows SEEN_ROW(c), c < KJ; and of its owned rows' sums the chunks CHUNK(n), n < CHUNKS,
 * each a vector of floats. SHARES work-items, by me.column, share an owned row.
 *
 * Set by the host: D, REL_H, REL_W; ALIGNED: rows begin at multiples of four floats; WINDOWED;
 * MATRIX, and what the tile's file asks for. */
#include "attention_geometry.cl"

#define HAS_REL (REL_H > 0)
#define D4      ((D + 3) / 4)
#define ROW     (D4 + 1)  /* float4s from row to row: the rows' columns lie in other banks */
#define WEIGHTS (OWN + 4) /* floats from row to row of a tile of weights [SEEN][OWN] */

#define LARGER(a, b) ((a) > (b) ? (a) : (b))

#define LOWEST (-3.0e38f)

/* The four floats l of a row; zeros past its end. */
static inline float4 load4(__global const float *row, int l)
{
#if ALIGNED
    return ((__global const float4 *)row)[l];
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
#if ALIGNED
    ((__global float4 *)row)[l] = x;
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

/* Rows first .. first+count-1 of a window, or of a table; pad: the row of a padded key, or NULL. */
typedef enum { QUERIES, KEYS, TABLE } row_kind;

typedef struct {
    row_kind kind;
    __global const float *data, *pad;
    int stride, first, count;
} rows;

/* NULL: zeros. */
static inline __global const float *find_row(rows x, geometry g, window w, int i)
{
    if (i >= x.count)
        return 0;
    int at = x.first + i, token = x.kind == QUERIES ? query_token(g, w, at)
                                  : x.kind == KEYS  ? key_token(g, w, at)
                                                    : at;
    return token >= 0 ? x.data + (size_t)token * x.stride : x.pad;
}

/* A work-item: its number, the column that tells it from those with the same rows, its first owned
 * row. */
typedef struct {
    int item, column, row;
} worker;

#if MATRIX
#include "attention_mma.cl"
#else
#include "attention_fma.cl"
#endif

static inline void load_tile(__local float4 *tile, int size, rows from, geometry g, window w)
{
    for (int e = get_local_id(0); e < size * D4; e += ITEMS) {
        int i = e / D4, l = e % D4;
        __global const float *row = find_row(from, g, w, i);
        tile[i * ROW + l] = row ? load4(row, l) : (float4)(0);
    }
}
#define load_own(tile, from)  load_tile(tile, OWN, from, g, w)
#define load_seen(tile, from) load_tile(tile, SEEN, from, g, w)

REGISTERS void clear_rows(chunk x[RI][CHUNKS])
{
    EACH (r, RI)
        EACH (n, CHUNKS)
            x[r][n] = 0;
}

REGISTERS void scale_rows(chunk x[RI][CHUNKS], float scale)
{
    EACH (r, RI)
        EACH (n, CHUNKS)
            x[r][n] *= scale;
}

REGISTERS void store_row(__global float *row, const chunk x[CHUNKS], worker me)
{
    EACH (n, CHUNKS)
        store_chunk(row, CHUNK(n), x[n]);
}

/* What a work-item holds becomes a part of a tile of weights. */
REGISTERS void keep_weights(__local float *weights, float x[RI][KJ], worker me)
{
    EACH (c, KJ)
        store_weights(weights + SEEN_ROW(c) * WEIGHTS, x, c, me);
}

static inline float relative(query_values values, int key, int slot)
{
#if HAS_REL
    return values.by_row[(size_t)(key / REL_W) * values.slots + slot] +
           values.by_col[(size_t)(key % REL_W) * values.slots + slot];
#else
    return 0;
#endif
}

/* What every kernel begins with: its work-item, and its group's window, head and batch item. */
#define PLACE                                                                                      \
    worker me = find_worker();                                                                     \
    geometry g = GEOMETRY;                                                                         \
    int hw = get_global_id(1), b = get_global_id(2), head = hw % heads;                            \
    window w = find_window(g, hw / heads);                                                         \
    size_t group = (size_t)b * get_global_size(1) + hw;                                            \
    query_values values = QUERY_VALUES(group)

/* A head's rows of [batch, tokens, stride], from its first column. */
#define HEAD_ROWS(kind, x, pad, tokens)                                                            \
    {                                                                                              \
        kind, x##_all + (size_t)b *(tokens)*x##_stride + x##_col + head *D, pad, x##_stride, 0, 0  \
    }
#define PAD_ROW(col) (pad ? pad + (col) + head * D : 0)
