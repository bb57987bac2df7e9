#include "model/attend_more.h"

#include "model/heads.h"

typedef struct more_keys {
    scl_graph *g;
    const scl_attention_attr *attr;
    int64_t batch, tokens, count; /* B, N, T */
    int64_t width;                /* of all heads */
    scl_tensor *columns;          /* of the heads */
} more_keys;

/* The columns of `more` from `start` on, as [heads T, width]: a head's in its rows, else zeros. */
static scl_tensor *by_head(const more_keys *k, scl_tensor *more, int64_t start)
{
    scl_tensor *x = scl_slice(k->g, more, -1, start, k->width);
    x = scl_reshape(k->g, x, SCL_SHAPE(1, k->count, k->width));
    return scl_spread_heads(k->g, x, k->columns);
}

/* [B, heads, N] -> [B, N, heads, 1] */
static scl_tensor *heads_last(const more_keys *k, scl_tensor *x)
{
    int64_t heads = k->attr->heads;
    scl_tensor *identity = scl_head_columns(k->g, heads, heads);
    identity = scl_reshape(k->g, identity, SCL_SHAPE(1, heads, heads));
    identity = scl_broadcast(k->g, identity, SCL_SHAPE(k->batch, heads, heads));
    x = scl_matmul(k->g, x, identity, true, false, 1);
    return scl_reshape(k->g, x, SCL_SHAPE(k->batch, k->tokens, heads, 1));
}

/* Softmax over the keys that `seen` comes from and those of `more` is softmax over the logits of
 * `more` and one that stands for all of the others, the log of their sum; its value is `seen`. */
scl_tensor *scl_attend_more(scl_graph *g, scl_tensor *qkv, scl_tensor *seen, scl_tensor *more,
                            const scl_attention_attr *attr)
{
    if (qkv == NULL || seen == NULL || more == NULL)
        return NULL;
    int64_t columns = more->shape.dim[more->shape.ndim - 1], heads = attr->heads;
    more_keys k = {.g = g,
                   .attr = attr,
                   .batch = seen->shape.dim[0],
                   .tokens = seen->shape.dim[1],
                   .count = scl_shape_count(more->shape) / columns,
                   .width = heads * attr->head_dim};
    k.columns = scl_head_columns(g, heads, k.width);
    int64_t rows = k.batch * k.tokens;
    scl_tensor *q = scl_slice(g, qkv, -1, attr->q_col, k.width);
    scl_tensor *logits = scl_linear(g, q, by_head(&k, more, attr->k_col), NULL, (float)attr->scale);
    scl_tensor *all[] = {scl_reshape(g, logits, SCL_SHAPE(k.batch, k.tokens, heads, k.count)),
                         heads_last(&k, scl_attention_lse(seen))};
    scl_tensor *share = scl_softmax(g, scl_concat(g, all, 2, -1), -1);
    scl_tensor *of_more =
        scl_reshape(g, scl_slice(g, share, -1, 0, k.count), SCL_SHAPE(rows, heads * k.count));
    scl_tensor *y = scl_matmul(g, of_more, by_head(&k, more, attr->v_col), false, false, 1);
    seen = scl_reshape(g, seen, SCL_SHAPE(k.batch, k.tokens, heads, attr->head_dim));
    seen = scl_mul(g, seen, scl_slice(g, share, -1, k.count, 1));
    return scl_add(g, scl_reshape(g, y, SCL_SHAPE(k.batch, k.tokens, k.width)),
                   scl_reshape(g, seen, SCL_SHAPE(k.batch, k.tokens, k.width)));
}
