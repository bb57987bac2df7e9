/* Ops over planes: the last two axes, height and width. */
#include "graph/ops_internal.h"

#define MAX_SIDE 16384 /* squares of distances must fit 32 bits */

/* Sums of `kernel` neighbours along `axis`, with zeros beyond its ends: differences of a running
 * sum. */
static scl_tensor *window_sums(scl_graph *g, scl_tensor *x, int axis, int64_t kernel)
{
    if (x == NULL)
        return NULL;
    int64_t size = x->shape.dim[scl_axis_of(x, axis)], before = kernel / 2 + 1;
    scl_tensor *sums = scl_cumsum(g, scl_pad(g, x, axis, before, size + kernel), axis);
    return scl_sub(g, scl_slice(g, sums, axis, kernel, size), scl_slice(g, sums, axis, 0, size));
}

scl_tensor *scl_avg_pool(scl_graph *g, scl_tensor *x, int64_t kernel)
{
    if (x == NULL)
        return NULL;
    if (x->dtype != SCL_F32 || x->shape.ndim < 2 || kernel < 1 || kernel % 2 == 0 ||
        kernel > MAX_SIDE)
        return scl_graph_fail(g,
                              "avg_pool: needs float32 planes [..., H, W] and an odd kernel of at "
                              "most %d",
                              MAX_SIDE);
    scl_tensor *sums = window_sums(g, window_sums(g, x, -1, kernel), -2, kernel);
    return scl_affine(g, sums, (float)(1.0 / ((double)kernel * (double)kernel)), 0);
}

scl_tensor *scl_distance(scl_graph *g, scl_tensor *x)
{
    if (x == NULL)
        return NULL;
    int ndim = x->shape.ndim;
    if (x->dtype != SCL_F32 || ndim < 2 || x->shape.dim[ndim - 1] > MAX_SIDE ||
        x->shape.dim[ndim - 2] > MAX_SIDE)
        return scl_graph_fail(
            g, "distance: needs float32 planes [..., H, W] with sides of at most %d", MAX_SIDE);
    scl_node *node = scl_node_add(g, SCL_OP_DISTANCE, &x, 1, 1);
    if (node != NULL)
        node->attr.axis = scl_axis_split(x->shape, ndim - 2, 1);
    return scl_node_output(g, node, 0, SCL_F32, x->shape);
}
