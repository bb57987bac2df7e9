/* cpu/attention_padding.cl - what the padding of a window adds to attention and its gradients.
 *
 * All padded keys have one k and one v: with c = q . k their logits are c + by_row[y] + by_col[x],
 * and sums over a rectangle of them are products of sums over its rows and its columns. A window's
 * padding is two rectangles: the rows below its keys, and the columns at their right. */
#include "cpu/attention_tile.cl"

/* The k and v of padding; NULL: zeros. */
typedef struct {
    __global const float *k, *v;
} padding;

/* Of the head whose k and v begin at these columns; row NULL: zeros. */
static inline padding padding_of(__global const float *row, int k_at, int v_at)
{
    padding pad = {row ? row + k_at : 0, row ? row + v_at : 0};
    return pad;
}

/* 2^(term - most) along one axis of a rectangle, zeros outside of it. */
typedef struct {
    float sum, most;
#if HAS_REL
    float power[ROW_SPAN > COL_SPAN ? ROW_SPAN : COL_SPAN];
#endif
} axis_powers;

/* terms [span], of which from .. to-1 are the rectangle's. */
static inline void soften_axis(__private axis_powers *axis, __private const float *terms, int span,
                               int from, int to)
{
    axis->most = 0;
    axis->sum = to - from;
#if HAS_REL
    float most = NO_LOGIT;
    floatV total = 0;
    for (int i = from; i < to; i++)
        most = fmax(most, terms[i]);
    for (int i = 0; i < span; i++)
        axis->power[i] = i >= from && i < to ? terms[i] - most : NO_LOGIT;
    for (int i = 0; i < span; i += V) {
        floatV p = EXP2(vloadV(0, axis->power + i));
        total += p;
        vstoreV(p, 0, axis->power + i);
    }
    axis->most = most;
    axis->sum = sumV(total);
#endif
}

typedef struct {
    axis_powers rows, cols;
    int first_row, end_row, first_col, end_col;
} rectangle;

/* below: the rows under the keys, else what is at their right. False: there is none. */
static inline bool soften_rectangle(__private rectangle *r, __private const float *by_row,
                                    __private const float *by_col, geometry g, key_grid keys,
                                    int below)
{
    r->first_row = below ? keys.rows : 0;
    r->end_row = below ? g.win_h : keys.rows;
    r->first_col = below ? 0 : keys.cols;
    r->end_col = g.win_w;
    if (r->first_row == r->end_row || r->first_col == r->end_col)
        return false;
    soften_axis(&r->rows, by_row, ROW_SPAN, r->first_row, r->end_row);
    soften_axis(&r->cols, by_col, COL_SPAN, r->first_col, r->end_col);
    return true;
}

/* The online softmax of a query goes on over the padding. `column`: the query [D], MR apart. */
static inline void attend_padding(__private float *out, __private float *top, __private float *sum,
                                  __private const float *column, __private const float *by_row,
                                  __private const float *by_col, padding pad, geometry g,
                                  key_grid keys)
{
    float c = 0;
    rectangle r;
    for (int l = 0; pad.k && l < D; l++)
        c += column[l * MR] * pad.k[l];
    for (int below = 0; below < 2; below++) {
        if (!soften_rectangle(&r, by_row, by_col, g, keys, below))
            continue;
        float logit = c + r.rows.most + r.cols.most, new_top = fmax(*top, logit);
        float factor = exp2(*top - new_top);
        float share = exp2(logit - new_top) * r.rows.sum * r.cols.sum;
        for (int l = 0; l < D; l++)
            out[l] = out[l] * factor + (pad.v ? share * pad.v[l] : 0.0f);
        *top = new_top;
        *sum = *sum * factor + share;
    }
}
