/* attention_fma.cl - products of tiles by ordinary arithmetic. Set by the host: TX, a divisor of
 * D4, TY, KJ. Work-item (tx, ty) has the owned rows RI * ty .., the seen rows tx, tx + TX .., and
 * the chunks tx, tx + TX .. */

#define RI           4 /* a float4 of weights */
#define OWN          (RI * TY)
#define SEEN         (KJ * TX)
#define ITEMS        (TX * TY)
#define SHARES       TX
#define CHUNKS       (D4 / TX)
#define OWN_ROW(r)   (me.row + (r))
#define SEEN_ROW(c)  (me.column + TX * (c))
#define CHUNK(n)     (me.column + TX * (n))
#define PASS_WEIGHTS 1 /* from one work-item to others, through local memory */
#define WEIGHT_TILE  (SEEN * WEIGHTS / 4)

typedef float4 chunk;
#define load_chunk  load4
#define store_chunk store4

static inline worker find_worker(void)
{
    int item = get_local_id(0);
    worker me = {item, item % TX, item / TX * RI};
    return me;
}

/* Products of owned and seen rows. */
REGISTERS void multiply(float product[RI][KJ], __local const float4 *own,
                        __local const float4 *seen, worker me)
{
    EACH (r, RI)
        EACH (c, KJ)
            product[r][c] = 0;
    for (int l = 0; l < D4; l++) {
        float4 a[RI], b[KJ];
        EACH (r, RI)
            a[r] = own[OWN_ROW(r) * ROW + l];
        EACH (c, KJ)
            b[c] = seen[SEEN_ROW(c) * ROW + l];
        EACH (r, RI)
            EACH (c, KJ) {
                float sum = fma(a[r].x, b[c].x, product[r][c]);
                sum = fma(a[r].y, b[c].y, sum);
                sum = fma(a[r].z, b[c].z, sum);
                product[r][c] = fma(a[r].w, b[c].w, sum);
            }
    }
}

REGISTERS void store_weights(__local float *seen_row, float x[RI][KJ], int c, worker me)
{
    *(__local float4 *)(seen_row + me.row) = (float4)(x[0][c], x[1][c], x[2][c], x[3][c]);
}

/* sum of owned rows += weights times seen rows. The weights pass through `tile`. */
REGISTERS void add_weighted(chunk sum[RI][CHUNKS], __local const float *tile, float weights[RI][KJ],
                            __local const float4 *seen, worker me)
{
    for (int j = 0; j < SEEN; j++) {
        float4 w = *(__local const float4 *)(tile + j * WEIGHTS + me.row);
        EACH (n, CHUNKS) {
            float4 x = seen[j * ROW + CHUNK(n)];
            sum[0][n] = fma((float4)(w.x), x, sum[0][n]);
            sum[1][n] = fma((float4)(w.y), x, sum[1][n]);
            sum[2][n] = fma((float4)(w.z), x, sum[2][n]);
            sum[3][n] = fma((float4)(w.w), x, sum[3][n]);
        }
    }
}
