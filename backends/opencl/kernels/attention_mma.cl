/* attention_mma.cl - products of tiles on matrix units. A warp has 16 owned rows, and every seen
 * row, in the layout of mma.cl. Set by the host: WARPS; SEEN, a multiple of 8 as D is. */
#include "mma.cl"

#define RI           2
#define KJ           (SEEN / 4)
#define NJ           (SEEN / 8)
#define OWN          (16 * WARPS)
#define ITEMS        (WARPS * WARP)
#define SHARES       4
#define CHUNKS       (D / 8)
#define OWN_ROW(r)   (me.row + 8 * (r))
#define SEEN_ROW(c)  ((c) / 2 * 8 + 2 * me.column + (c) % 2)
#define CHUNK(n)     (4 * (n) + me.column)
#define PASS_WEIGHTS 0
#define WEIGHT_TILE  1

typedef float2 chunk;

static inline chunk load_chunk(__global const float *row, int n)
{
    return ((__global const float2 *)row)[n];
}

static inline void store_chunk(__global float *row, int n, chunk x)
{
    ((__global float2 *)row)[n] = x;
}

static inline worker find_worker(void)
{
    int item = get_local_id(0);
    worker me = {item, LANE_COLUMN(item), item / WARP * 16 + LANE_ROW(item)};
    return me;
}

/* Products of owned and seen rows. As the order of columns is free, a work-item takes neighbours:
 * what the layout calls columns t and t + 4 are 2 t and 2 t + 1. */
REGISTERS void multiply(float product[RI][KJ], __local const float4 *own,
                        __local const float4 *seen, worker me)
{
    __local const float2 *a_rows = (__local const float2 *)own + me.row * 2 * ROW + me.column;
    __local const float2 *b_rows =
        (__local const float2 *)seen + LANE_ROW(me.item) * 2 * ROW + me.column;
    float sum[1][NJ][4];
    CLEAR(sum, 1, NJ);
    EACH (l, D / 8) {
        part_a a[1];
        part_b b[NJ];
        EACH (r, RI) {
            float2 x = a_rows[8 * r * 2 * ROW + 4 * l];
            SPLIT(a[0], r, x.x);
            SPLIT(a[0], r + 2, x.y);
        }
        EACH (j, NJ) {
            float2 x = b_rows[j * 8 * 2 * ROW + 4 * l];
            SPLIT(b[j], 0, x.x);
            SPLIT(b[j], 1, x.y);
        }
        MMA(sum, a, b, 1, NJ);
    }
    EACH (j, NJ)
        EACH (e, 4)
            product[e / 2][2 * j + e % 2] = sum[0][j][e];
}

REGISTERS void store_weights(__local float *seen_row, float x[RI][KJ], int c, worker me)
{
    EACH (r, RI)
        seen_row[OWN_ROW(r)] = x[r][c];
}

/* sum of owned rows += weights times seen rows. The order of the seen rows is free, too, so that
 * the weights are where the product wants them. */
REGISTERS void add_weighted(chunk sum[RI][CHUNKS], __local const float *tile, float weights[RI][KJ],
                            __local const float4 *seen, worker me)
{
    __local const float *values =
        (__local const float *)seen + 2 * me.column * 4 * ROW + LANE_ROW(me.item);
    float total[1][CHUNKS][4];
    CLEAR(total, 1, CHUNKS);
    EACH (j, NJ) {
        part_a a[1];
        part_b b[CHUNKS];
        EACH (e, 4)
            SPLIT(a[0], e, weights[e % 2][2 * j + e / 2]);
        EACH (n, CHUNKS)
            EACH (e, 2)
                SPLIT(b[n], e, values[(8 * j + e) * 4 * ROW + 8 * n]);
        MMA(total, a, b, 1, CHUNKS);
    }
    EACH (r, RI)
        EACH (n, CHUNKS)
            sum[r][n] += (float2)(total[0][n][2 * r], total[0][n][2 * r + 1]);
}
