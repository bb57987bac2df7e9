/* Random values, and the ops that plugins bring. */
#include "graph/ops_internal.h"

scl_tensor *scl_random(scl_graph *g, scl_distribution distribution, uint64_t salt, scl_shape shape)
{
    scl_tensor *key = scl_graph_find(g, SCL_RANDOM_KEY);
    if (key == NULL)
        key = scl_input(g, SCL_RANDOM_KEY, SCL_I32, SCL_SHAPE(2));
    scl_node *node = key != NULL ? scl_node_add(g, SCL_OP_RANDOM, &key, 1, 1) : NULL;
    if (node != NULL)
        node->attr.random = (scl_random_attr){.salt = salt, .distribution = distribution};
    return scl_node_output(g, node, 0, SCL_F32, shape);
}

void scl_own(scl_graph *g, const scl_own_use *use, scl_hash128 identity, scl_tensor *const *inputs,
             int input_count, const scl_own_output *outputs, int output_count, scl_tensor **results)
{
    scl_node *node = scl_node_add(g, SCL_OP_OWN, inputs, input_count, output_count);
    if (node != NULL) {
        node->own = use;
        node->attr.own = identity;
    }
    for (int i = 0; i < output_count; i++) {
        bool is_float = outputs[i].type == SCL_VALUE_FLOAT32;
        results[i] = scl_node_output(g, node, i, is_float ? SCL_F32 : SCL_I32,
                                     scl_shape_make(outputs[i].ndim, outputs[i].dims));
        if (results[i] != NULL)
            results[i]->needs_grad &= is_float && use->gradient != NULL;
    }
}

SCL_GRAD(own)
{
    if (node->own->gradient != NULL)
        node->own->gradient(g, node, dy, dx);
}
