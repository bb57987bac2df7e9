/* Elementwise ops and their derivatives. */
#include "graph/ops_internal.h"

static scl_tensor *unary(scl_graph *g, scl_op op, scl_tensor *x, float s0, float s1)
{
    if (x == NULL)
        return NULL;
    if (x->dtype != SCL_F32)
        return scl_graph_fail(g, "%s needs float32 values, found int32", scl_op_describe(op)->name);
    scl_node *node = scl_node_add(g, op, &x, 1, 1);
    if (node == NULL)
        return NULL;
    node->attr.scalar[0] = s0;
    node->attr.scalar[1] = s1;
    return scl_node_output(g, node, 0, SCL_F32, x->shape);
}

static bool broadcast_shape(scl_shape a, scl_shape b, scl_shape *out)
{
    out->ndim = a.ndim > b.ndim ? a.ndim : b.ndim;
    for (int i = 1; i <= out->ndim; i++) {
        int64_t da = i <= a.ndim ? a.dim[a.ndim - i] : 1;
        int64_t db = i <= b.ndim ? b.dim[b.ndim - i] : 1;
        if (da != db && da != 1 && db != 1)
            return false;
        out->dim[out->ndim - i] = da == 1 ? db : da;
    }
    return true;
}

static scl_tensor *binary(scl_graph *g, scl_op op, scl_tensor *x, scl_tensor *y)
{
    if (x == NULL || y == NULL)
        return NULL;
    char a[SCL_SHAPE_TEXT], b[SCL_SHAPE_TEXT];
    scl_shape shape = {0};
    if (x->dtype != SCL_F32 || y->dtype != SCL_F32)
        return scl_graph_fail(g, "%s needs float32 values, found int32", scl_op_describe(op)->name);
    if (!broadcast_shape(x->shape, y->shape, &shape))
        return scl_graph_fail(g, "%s: shapes %s and %s do not broadcast", scl_op_describe(op)->name,
                              scl_shape_text(x->shape, a), scl_shape_text(y->shape, b));
    scl_tensor *inputs[2] = {x, y};
    scl_node *node = scl_node_add(g, op, inputs, 2, 1);
    return scl_node_output(g, node, 0, SCL_F32, shape);
}

#define UNARY(name, NAME)                                                                          \
    scl_tensor *scl_##name(scl_graph *g, scl_tensor *x)                                            \
    {                                                                                              \
        return unary(g, SCL_OP_##NAME, x, 0, 0);                                                   \
    }
UNARY(exp, EXP)
UNARY(ln, LOG)
UNARY(sqrt, SQRT)
UNARY(abs, ABS)
UNARY(step, STEP)
UNARY(sigmoid, SIGMOID)
UNARY(tanh, TANH)
UNARY(softplus, SOFTPLUS)
UNARY(relu, RELU)
UNARY(gelu, GELU)
UNARY(normal_cdf, NORMAL_CDF)

#define BINARY(name, NAME)                                                                         \
    scl_tensor *scl_##name(scl_graph *g, scl_tensor *x, scl_tensor *y)                             \
    {                                                                                              \
        return binary(g, SCL_OP_##NAME, x, y);                                                     \
    }
BINARY(add, ADD)
BINARY(sub, SUB)
BINARY(mul, MUL)
BINARY(div, DIV)
BINARY(safe_div, SAFE_DIV)
BINARY(maximum, MAXIMUM)
BINARY(minimum, MINIMUM)

scl_tensor *scl_affine(scl_graph *g, scl_tensor *x, float scale, float shift)
{
    return unary(g, SCL_OP_AFFINE, x, scale, shift);
}

scl_tensor *scl_pow(scl_graph *g, scl_tensor *x, float exponent)
{
    return unary(g, SCL_OP_POW, x, exponent, 0);
}

scl_tensor *scl_clamp(scl_graph *g, scl_tensor *x, float low, float high)
{
    if (low > high)
        return scl_graph_fail(g, "clamp: low %g is above high %g", (double)low, (double)high);
    return unary(g, SCL_OP_CLAMP, x, low, high);
}

SCL_GRAD(affine)
{
    dx[0] = scl_affine(g, dy[0], node->attr.scalar[0], 0);
}

SCL_GRAD(pow)
{
    float p = node->attr.scalar[0];
    scl_tensor *slope = scl_affine(g, scl_pow(g, node->inputs[0], p - 1), p, 0);
    dx[0] = scl_mul(g, dy[0], slope);
}

/* 1 inside low..high, as torch.clamp has it for values strictly inside. */
SCL_GRAD(clamp)
{
    scl_tensor *x = node->inputs[0];
    scl_tensor *above = scl_step(g, scl_affine(g, x, 1, -node->attr.scalar[0]));
    scl_tensor *below = scl_step(g, scl_affine(g, x, -1, node->attr.scalar[1]));
    dx[0] = scl_mul(g, dy[0], scl_mul(g, above, below));
}

SCL_GRAD(exp)
{
    dx[0] = scl_mul(g, dy[0], node->outputs[0]);
}

SCL_GRAD(log)
{
    dx[0] = scl_div(g, dy[0], node->inputs[0]);
}

SCL_GRAD(sqrt)
{
    dx[0] = scl_affine(g, scl_div(g, dy[0], node->outputs[0]), 0.5f, 0);
}

SCL_GRAD(abs)
{
    scl_tensor *x = node->inputs[0];
    scl_tensor *sign = scl_sub(g, scl_step(g, x), scl_step(g, scl_affine(g, x, -1, 0)));
    dx[0] = scl_mul(g, dy[0], sign);
}

SCL_GRAD(sigmoid)
{
    scl_tensor *y = node->outputs[0];
    scl_tensor *slope = scl_mul(g, y, scl_affine(g, y, -1, 1));
    dx[0] = scl_mul(g, dy[0], slope);
}

SCL_GRAD(tanh)
{
    scl_tensor *y = node->outputs[0];
    scl_tensor *slope = scl_affine(g, scl_mul(g, y, y), -1, 1);
    dx[0] = scl_mul(g, dy[0], slope);
}

SCL_GRAD(softplus)
{
    dx[0] = scl_mul(g, dy[0], scl_sigmoid(g, node->inputs[0]));
}

SCL_GRAD(relu)
{
    dx[0] = binary(g, SCL_OP_RELU_BACKWARD, node->outputs[0], dy[0]);
}

SCL_GRAD(gelu)
{
    dx[0] = binary(g, SCL_OP_GELU_BACKWARD, node->inputs[0], dy[0]);
}

/* exp(-x^2 / 2) / sqrt(2 pi) */
SCL_GRAD(normal_cdf)
{
    scl_tensor *x = node->inputs[0];
    scl_tensor *density = scl_exp(g, scl_affine(g, scl_mul(g, x, x), -0.5f, 0));
    dx[0] = scl_affine(g, scl_mul(g, dy[0], density), 0.398942280f, 0);
}

static void give(scl_graph *g, const scl_node *node, int input, scl_tensor *value, scl_tensor **dx)
{
    if (value != NULL)
        dx[input] = scl_sum_to(g, value, node->inputs[input]->shape);
}

SCL_GRAD(add)
{
    for (int i = 0; i < 2; i++)
        if (scl_wants(node, i))
            give(g, node, i, dy[0], dx);
}

SCL_GRAD(sub)
{
    if (scl_wants(node, 0))
        give(g, node, 0, dy[0], dx);
    if (scl_wants(node, 1))
        give(g, node, 1, scl_affine(g, dy[0], -1, 0), dx);
}

SCL_GRAD(mul)
{
    for (int i = 0; i < 2; i++)
        if (scl_wants(node, i))
            give(g, node, i, scl_mul(g, dy[0], node->inputs[1 - i]), dx);
}

/* d(x/y) = dx/y - dy (x/y)/y, with the quotient taken by `divide`. */
static void quotient_grad(scl_graph *g, const scl_node *node, scl_tensor *dy, scl_tensor **dx,
                          scl_tensor *(*divide)(scl_graph *, scl_tensor *, scl_tensor *))
{
    scl_tensor *share = divide(g, dy, node->inputs[1]);
    if (scl_wants(node, 0))
        give(g, node, 0, share, dx);
    if (scl_wants(node, 1))
        give(g, node, 1, scl_affine(g, scl_mul(g, share, node->outputs[0]), -1, 0), dx);
}

SCL_GRAD(div)
{
    quotient_grad(g, node, dy[0], dx, scl_div);
}

SCL_GRAD(safe_div)
{
    quotient_grad(g, node, dy[0], dx, scl_safe_div);
}

/* The gradient goes to the winner, and half to each at a tie, as torch.maximum has it. */
static void extreme_grad(scl_graph *g, const scl_node *node, scl_tensor *dy, scl_tensor **dx,
                         float sign)
{
    scl_tensor *gap = scl_affine(g, scl_sub(g, node->inputs[0], node->inputs[1]), sign, 0);
    scl_tensor *wins = scl_step(g, gap), *loses = scl_step(g, scl_affine(g, gap, -1, 0));
    scl_tensor *first = scl_affine(g, scl_sub(g, wins, loses), 0.5f, 0.5f);
    if (scl_wants(node, 0))
        give(g, node, 0, scl_mul(g, dy, first), dx);
    if (scl_wants(node, 1))
        give(g, node, 1, scl_mul(g, dy, scl_affine(g, first, -1, 1)), dx);
}

SCL_GRAD(maximum)
{
    extreme_grad(g, node, dy[0], dx, 1);
}

SCL_GRAD(minimum)
{
    extreme_grad(g, node, dy[0], dx, -1);
}
