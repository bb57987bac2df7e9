/* attention_mma.cl - products of tiles on matrix units. A warp has 16 MI owned rows, and every seen
 * row, in the layout of mma.cl. Set by the host: WARPS; SEEN, a multiple of 8 as D is. */
#include "mma.cl"

#define MI           1
#define RI           (2 * MI)
#define KJ           (SEEN / 4)
#define NJ           (SEEN / 8)
#define OWN          (16 * MI * WARPS)
#define ITEMS        (WARPS * WARP)
#define SHARES       4
#define CHUNKS       (D / 8)
#define OWN_ROW(r)   (me.row + (r) / 2 * 16 + (r) % 2 * 8)
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

typedef struct {
    int item, column, row; /* the first owned row */
} worker;

static inline worker find_worker(void)
{
    int item = get_local_id(0);
    worker me = {item, LANE_COLUMN(item), item / WARP * 16 * MI + LANE_ROW(item)};
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
    float sum[MI][NJ][4];
    CLEAR(sum, MI, NJ);
    EACH (l, D / 8) {
        part_a a[MI];
        part_b b[NJ];
        EACH (r, RI) {
            float2 x = a_rows[(r / 2 * 16 + r % 2 * 8) * 2 * ROW + 4 * l];
            SPLIT(a[r / 2], r % 2, x.x);
            SPLIT(a[r / 2], r % 2 + 2, x.y);
        }
        EACH (j, NJ) {
            float2 x = b_rows[j * 8 * 2 * ROW + 4 * l];
            SPLIT(b[j], 0, x.x);
            SPLIT(b[j], 1, x.y);
        }
        MMA(sum, a, b, MI, NJ);
    }
    EACH (i, MI)
        EACH (j, NJ)
            EACH (e, 4)
                product[2 * i + e / 2][2 * j + e % 2] = sum[i][j][e];
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
    float total[MI][CHUNKS][4];
    CLEAR(total, MI, CHUNKS);
    EACH (j, NJ) {
        part_a a[MI];
        part_b b[CHUNKS];
        EACH (i, MI)
            EACH (e, 4)
                SPLIT(a[i], e, weights[2 * i + e % 2][2 * j + e / 2]);
        EACH (n, CHUNKS)
            EACH (e, 2)
                SPLIT(b[n], e, values[(8 * j + e) * 4 * ROW + 8 * n]);
        MMA(total, a, b, MI, CHUNKS);
    }
    EACH (r, RI)
        EACH (n, CHUNKS)
            sum[r][n] += (float2)(total[r / 2][n][r % 2 * 2], total[r / 2][n][r % 2 * 2 + 1]);
}
