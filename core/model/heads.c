#include "model/heads.h"

scl_tensor *scl_head_columns(scl_graph *g, int64_t heads, int64_t width)
{
    size_t bytes = (size_t)(heads * width) * sizeof(float);
    float *values = scl_arena_alloc(&g->arena, bytes);
    if (values == NULL)
        return scl_graph_out_of_memory(g, bytes, "the heads' columns");
    for (int64_t column = 0; column < width; column++)
        values[column / (width / heads) * width + column] = 1;
    return scl_constant(g, values, SCL_SHAPE(1, heads, 1, width));
}

scl_tensor *scl_spread_heads(scl_graph *g, scl_tensor *x, scl_tensor *columns)
{
    if (x == NULL || columns == NULL)
        return NULL;
    int64_t masks = x->shape.dim[0], tokens = x->shape.dim[1], width = x->shape.dim[2];
    x = scl_reshape(g, x, SCL_SHAPE(masks, 1, tokens, width));
    x = scl_mul(g, x, columns);
    return scl_reshape(g, x, SCL_SHAPE(masks * columns->shape.dim[1] * tokens, width));
}
