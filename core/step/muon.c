#include "step/muon.h"

#include <math.h>

/* The quintic of Jordan et al.: steep at 0, so that few iterations do. */
#define NEWTON_SCHULZ_STEPS 5
#define NEWTON_SCHULZ_A     3.4445f
#define NEWTON_SCHULZ_B     (-4.7750f)
#define NEWTON_SCHULZ_C     2.0315f
#define LEAST_NORM          1e-7f
#define RMS_OF_ADAMW        0.2

bool scl_muon_applies(const scl_graph *g, const scl_tensor *param)
{
    if (param->shape.ndim != 2)
        return false;
    for (size_t i = 0; i < g->node_count; i++)
        if (g->nodes[i]->op == SCL_OP_GEMM && g->nodes[i]->inputs[1] == param)
            return true;
    return false;
}

/* momentum += (1 - mu) (grad - momentum); returns grad + mu (momentum - grad): [1, rows, columns]
 */
static scl_tensor *look_ahead(scl_graph *g, const scl_muon_matrix *m)
{
    float mu = (float)m->attr.momentum;
    scl_tensor *change = scl_affine(g, scl_sub(g, m->grad, m->momentum), 1 - mu, 0);
    scl_tensor *momentum = scl_accumulate(g, m->momentum, change);
    scl_tensor *ahead = scl_add(g, m->grad, scl_affine(g, scl_sub(g, momentum, m->grad), mu, 0));
    return scl_reshape(g, ahead, SCL_SHAPE(1, m->param->shape.dim[0], m->param->shape.dim[1]));
}

/* Each matrix of x [n, rows, columns] divided by its Frobenius norm: no singular value is above 1.
 */
static scl_tensor *normalise(scl_graph *g, scl_tensor *x)
{
    scl_tensor *norm = scl_sqrt(g, scl_sum(g, scl_mul(g, x, x), 1, 2));
    return scl_div(g, x, scl_maximum(g, norm, scl_scalar(g, LEAST_NORM)));
}

/* Brings the singular values of each matrix of x near 1: x = a x + (b s + c s s) x with s = x x^T,
 * or the same from the right where that makes s smaller. */
static scl_tensor *orthogonalise(scl_graph *g, scl_tensor *x, bool tall)
{
    x = normalise(g, x);
    for (int i = 0; i < NEWTON_SCHULZ_STEPS; i++) {
        scl_tensor *s = scl_matmul(g, x, x, tall, !tall, 1);
        scl_tensor *square = scl_matmul(g, s, s, false, false, NEWTON_SCHULZ_C);
        scl_tensor *factor = scl_add(g, square, scl_affine(g, s, NEWTON_SCHULZ_B, 0));
        scl_tensor *product = tall ? scl_matmul(g, x, factor, false, false, 1)
                                   : scl_matmul(g, factor, x, false, false, 1);
        x = scl_add(g, product, scl_affine(g, x, NEWTON_SCHULZ_A, 0));
    }
    return x;
}

/* All `count` matrices have one shape. */
static void update_batch(scl_graph *g, const scl_muon_matrix *matrices, size_t count,
                         scl_tensor *hyper)
{
    int64_t rows = matrices->param->shape.dim[0], columns = matrices->param->shape.dim[1];
    scl_tensor **ahead = scl_arena_alloc(&g->arena, count * sizeof *ahead);
    if (ahead == NULL) {
        scl_graph_out_of_memory(g, count * sizeof *ahead, "the optimizer's batches");
        return;
    }
    for (size_t i = 0; i < count; i++)
        ahead[i] = look_ahead(g, &matrices[i]);
    scl_tensor *all = count > 1 ? scl_concat(g, ahead, (int)count, 0) : ahead[0];
    double reach = RMS_OF_ADAMW * sqrt((double)(rows > columns ? rows : columns));
    scl_tensor *steps = scl_affine(g, orthogonalise(g, all, rows > columns), (float)reach, 0);
    for (size_t i = 0; i < count; i++) {
        const scl_muon_matrix *m = &matrices[i];
        scl_optimizer_attr attr = {.lr_scale = m->attr.lr_scale,
                                   .weight_decay = m->attr.weight_decay};
        scl_tensor *step = count > 1 ? scl_slice(g, steps, 0, (int64_t)i, 1) : steps;
        /* the decay that sgd adds to a gradient is the decoupled one, as it keeps no momentum */
        scl_sgd(g, m->param, scl_reshape(g, step, m->param->shape), NULL, hyper, NULL, &attr);
    }
}

void scl_muon_update(scl_graph *g, scl_muon_matrix *matrices, size_t count, scl_tensor *hyper)
{
    for (size_t first = 0, end; first < count; first = end) {
        end = first + 1;
        for (size_t i = end; i < count; i++)
            if (scl_shape_equal(matrices[i].param->shape, matrices[first].param->shape)) {
                scl_muon_matrix moved = matrices[i];
                matrices[i] = matrices[end];
                matrices[end++] = moved;
            }
        scl_graph_scope(g, matrices[first].param->name);
        update_batch(g, matrices + first, end - first, hyper);
    }
}
