/* Attention and its gradients, one query at a time. */
#include "reference/reference.h"

#include <math.h>
#include <string.h>

enum { Q, K, V, REL_H, REL_W, PAD, KEY_COUNT, OUT, LSE, DOUT, DLSE };

/* One head of one window of one batch item. */
typedef struct head_view {
    const reference_args *a;
    const scl_attention_attr *p;
    int64_t batch, head;
    int64_t y0, x0;         /* the window's corner */
    int64_t keys_h, keys_w; /* its size: the whole key grid without windows */
    int64_t key_limit;      /* keys that take part, counted in token order */
} head_view;

static int64_t columns(const head_view *h, int input)
{
    return h->a->node->inputs[input]->shape.dim[2];
}

/* Row of `count` columns of token (y, x) in q, k, v or a gradient of the same layout; NULL when it
 * lies outside the grid. */
static double *row(const head_view *h, double *data, int64_t stride, int64_t col, int64_t grid_h,
                   int64_t grid_w, int64_t y, int64_t x)
{
    if (y >= grid_h || x >= grid_w)
        return NULL;
    int64_t token = (h->batch * grid_h + y) * grid_w + x;
    return data + token * stride + col + h->head * h->p->head_dim;
}

static double *query(const head_view *h, double *data, int64_t y, int64_t x)
{
    return row(h, data, columns(h, Q), h->p->q_col, h->p->q_h, h->p->q_w, y, x);
}

/* The k or v of a key; padded tokens have the pad row's, or NULL for zeros. */
static double *key(const head_view *h, double *data, double *pad, int input, int64_t y, int64_t x)
{
    int64_t col = input == K ? h->p->k_col : h->p->v_col;
    double *found = row(h, data, columns(h, input), col, h->p->k_h, h->p->k_w, y, x);
    if (found != NULL || pad == NULL)
        return found;
    return pad + col + h->head * h->p->head_dim;
}

static double dot(const double *x, const double *y, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n && x != NULL && y != NULL; i++)
        sum += x[i] * y[i];
    return sum;
}

static void add_scaled(double *to, double factor, const double *x, int64_t n)
{
    for (int64_t i = 0; i < n && to != NULL && x != NULL; i++)
        to[i] += factor * x[i];
}

/* Table row for a query at qy seen from a key at ky. */
static double *table(const head_view *h, double *data, int64_t side, int64_t qy, int64_t ky)
{
    return data == NULL ? NULL : data + (qy - ky + side - 1) * h->p->head_dim;
}

static bool takes_part(const head_view *h, int64_t ky, int64_t kx)
{
    return ky * h->keys_w + kx < h->key_limit;
}

static double logit(const head_view *h, int64_t qy, int64_t qx, int64_t ky, int64_t kx)
{
    double *const *in = h->a->in;
    int64_t d = h->p->head_dim;
    const double *q = query(h, in[Q], h->y0 + qy, h->x0 + qx);
    const double *k = key(h, in[K], in[PAD], K, h->y0 + ky, h->x0 + kx);
    return h->p->scale * dot(q, k, d) + dot(q, table(h, in[REL_H], h->keys_h, qy, ky), d) +
           dot(q, table(h, in[REL_W], h->keys_w, qx, kx), d);
}

#define FOR_EACH_KEY(h, ky, kx)                                                                    \
    for (int64_t ky = 0; ky < (h)->keys_h; ky++)                                                   \
        for (int64_t kx = 0; kx < (h)->keys_w; kx++)                                               \
            if (takes_part(h, ky, kx))

/* Places in out and lse of a query. */
static int64_t query_token(const head_view *h, int64_t qy, int64_t qx)
{
    return (h->y0 + qy) * h->p->q_w + h->x0 + qx;
}

static double *out_row(const head_view *h, double *out, int64_t token)
{
    int64_t tokens = h->p->q_h * h->p->q_w, width = h->p->heads * h->p->head_dim;
    return out + (h->batch * tokens + token) * width + h->head * h->p->head_dim;
}

static double *lse_of(const head_view *h, double *lse, int64_t token)
{
    return lse + (h->batch * h->p->heads + h->head) * h->p->q_h * h->p->q_w + token;
}

static void forward_query(const head_view *h, int64_t qy, int64_t qx)
{
    const reference_args *a = h->a;
    int64_t d = h->p->head_dim, token = query_token(h, qy, qx);
    double top = -INFINITY, sum = 0;
    FOR_EACH_KEY(h, ky, kx)
    top = fmax(top, logit(h, qy, qx, ky, kx));
    FOR_EACH_KEY(h, ky, kx)
    sum += exp(logit(h, qy, qx, ky, kx) - top);
    double lse = top + log(sum), *out = out_row(h, a->out[0], token);
    memset(out, 0, (size_t)d * sizeof *out);
    FOR_EACH_KEY(h, ky, kx)
    add_scaled(out, exp(logit(h, qy, qx, ky, kx) - lse),
               key(h, a->in[V], a->in[PAD], V, h->y0 + ky, h->x0 + kx), d);
    *lse_of(h, a->out[1], token) = lse;
}

/* With p the probability of a key and s its logit: ds = p (dout . v - dout . out + dlse). */
static void backward_query(const head_view *h, int64_t qy, int64_t qx)
{
    const reference_args *a = h->a;
    double *const *in = a->in, *const *grad = a->out;
    int64_t d = h->p->head_dim, token = query_token(h, qy, qx), y = h->y0, x = h->x0;
    bool packed = a->node->inputs[Q] == a->node->inputs[K];
    double *grad_k = packed ? grad[Q] : grad[K], *grad_v = packed ? grad[Q] : grad[V];
    const double *dout = out_row(h, in[DOUT], token), *q = query(h, in[Q], y + qy, x + qx);
    double delta = dot(dout, out_row(h, in[OUT], token), d), lse = *lse_of(h, in[LSE], token);
    if (in[DLSE] != NULL)
        delta -= *lse_of(h, in[DLSE], token);
    double *dq = grad[Q] ? query(h, grad[Q], y + qy, x + qx) : NULL;
    FOR_EACH_KEY(h, ky, kx)
    {
        double p = exp(logit(h, qy, qx, ky, kx) - lse);
        double ds = p * (dot(dout, key(h, in[V], in[PAD], V, y + ky, x + kx), d) - delta);
        double *dk = grad_k ? key(h, grad_k, grad[PAD], K, y + ky, x + kx) : NULL;
        double *dv = grad_v ? key(h, grad_v, grad[PAD], V, y + ky, x + kx) : NULL;
        add_scaled(dq, ds * h->p->scale, key(h, in[K], in[PAD], K, y + ky, x + kx), d);
        add_scaled(dq, ds, table(h, in[REL_H], h->keys_h, qy, ky), d);
        add_scaled(dq, ds, table(h, in[REL_W], h->keys_w, qx, kx), d);
        add_scaled(table(h, grad[REL_H], h->keys_h, qy, ky), ds, q, d);
        add_scaled(table(h, grad[REL_W], h->keys_w, qx, kx), ds, q, d);
        add_scaled(dk, ds * h->p->scale, q, d);
        add_scaled(dv, p, dout, d);
    }
}

static void for_each_query(const reference_args *a,
                           void (*visit)(const head_view *, int64_t, int64_t))
{
    const scl_attention_attr *p = &a->node->attr.attention;
    int64_t step_h = p->window > 0 ? p->window : p->q_h,
            step_w = p->window > 0 ? p->window : p->q_w;
    int64_t batches = a->node->inputs[Q]->shape.dim[0];
    for (int64_t b = 0; b < batches; b++)
        for (int64_t head = 0; head < p->heads; head++)
            for (int64_t y = 0; y < p->q_h; y++)
                for (int64_t x = 0; x < p->q_w; x++) {
                    head_view h = {.a = a,
                                   .p = p,
                                   .batch = b,
                                   .head = head,
                                   .y0 = y / step_h * step_h,
                                   .x0 = x / step_w * step_w,
                                   .keys_h = p->window > 0 ? p->window : p->k_h,
                                   .keys_w = p->window > 0 ? p->window : p->k_w,
                                   .key_limit = INT64_MAX};
                    if (a->in[KEY_COUNT] != NULL)
                        h.key_limit = reference_ids(a, KEY_COUNT)[b];
                    visit(&h, y - h.y0, x - h.x0);
                }
}

void reference_attention(const reference_args *a)
{
    for_each_query(a, forward_query);
}

void reference_attention_backward(const reference_args *a)
{
    for (int i = 0; i < a->node->output_count; i++)
        if (a->out[i] != NULL)
            memset(a->out[i], 0, (size_t)reference_count(a->node->outputs[i]) * sizeof(double));
    for_each_query(a, backward_query);
}
