#include "model/position.h"

#include "base/mem.h"
#include "io/resize.h"
#include "model/layers.h"

static int64_t table_grid(const scl_sam *m)
{
    return m->table_grid > 0 ? m->table_grid : scl_sam_grid(m->config);
}

/* [to, from]: each row the weights of a row of a table with `from` rows. */
static scl_tensor *interpolation(scl_graph *g, int64_t from, int64_t to)
{
    size_t bytes = (size_t)((from + to) * from) * sizeof(float);
    float *unit = scl_calloc(bytes, 1);
    if (unit == NULL)
        return scl_graph_out_of_memory(g, bytes, "the weights of an interpolation");
    float *weights = unit + from * from;
    for (int64_t i = 0; i < from; i++)
        unit[i * from + i] = 1;
    scl_error err = {0};
    scl_tensor *matrix =
        scl_resize_rows_f32(unit, (int)from, (int)from, weights, (int)to, &err) == SCL_OK
            ? scl_constant(g, weights, SCL_SHAPE(to, from))
            : scl_graph_fail(g, "a position table of %d rows: %s", (int)from, err.text);
    scl_free(unit);
    return matrix;
}

/* A table [from, columns] at `to` rows. */
static scl_tensor *with_rows(scl_graph *g, scl_tensor *table, int64_t to)
{
    int64_t from = table != NULL ? table->shape.dim[0] : to;
    return from == to ? table : scl_matmul(g, interpolation(g, from, to), table, false, false, 1);
}

/* A table [1, from, from, dim] at [1, to, to, dim]: its rows, then the columns of each. */
static scl_tensor *with_grid(scl_graph *g, scl_tensor *table, int64_t to)
{
    if (table == NULL || table->shape.dim[1] == to)
        return table;
    int64_t from = table->shape.dim[1], dim = table->shape.dim[3];
    scl_tensor *weights = scl_reshape(g, interpolation(g, from, to), SCL_SHAPE(1, to, from));
    scl_tensor *x = with_rows(g, scl_reshape(g, table, SCL_SHAPE(from, from * dim)), to);
    x = scl_matmul(g, scl_broadcast(g, weights, SCL_SHAPE(to, to, from)),
                   scl_reshape(g, x, SCL_SHAPE(to, from, dim)), false, false, 1);
    return scl_reshape(g, x, SCL_SHAPE(1, to, to, dim));
}

/* All start at zero. */
scl_tensor *scl_position_of_patches(const scl_sam *m)
{
    int64_t side = table_grid(m), dim = m->config->embed_dim;
    scl_tensor *table =
        scl_model_param(m, "image_encoder.pos_embed", SCL_SHAPE(1, side, side, dim), (scl_init){0});
    return with_grid(m->graph, table, scl_sam_grid(m->config));
}

scl_tensor *scl_position_relative(const scl_sam *m, const char *attn, char axis, int64_t window)
{
    const scl_sam_config *c = m->config;
    int64_t side = window > 0 ? window : scl_sam_grid(c);
    int64_t stored = window > 0 ? window : table_grid(m);
    scl_tensor *table =
        scl_model_param(m, scl_layer_name(m, "%s.rel_pos_%c", attn, axis),
                        SCL_SHAPE(2 * stored - 1, c->embed_dim / c->num_heads), (scl_init){0});
    return with_rows(m->graph, table, 2 * side - 1);
}
