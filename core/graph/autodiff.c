/* autodiff.c — reverse-mode differentiation: gradients are ordinary nodes of the same graph. */
#include "graph/ops.h"

typedef struct grad_map {
    scl_tensor **of; /* by tensor id; grows as the backward nodes are added */
    size_t count;
} grad_map;

static void add_grad(scl_graph *g, grad_map *map, scl_tensor *tensor, scl_tensor *grad)
{
    if (grad == NULL || tensor == NULL || !tensor->needs_grad)
        return;
    scl_tensor **place = &map->of[tensor->id];
    *place = *place == NULL ? grad : scl_add(g, *place, grad);
}

#define MAX_LINKS 1024

static void differentiate(scl_graph *g, grad_map *map, const scl_node *node)
{
    const scl_op_info *info = scl_op_describe(node->op);
    scl_tensor *dy[8] = {NULL};
    bool reached = false;
    for (int i = 0; i < node->output_count && i < 8; i++) {
        dy[i] = node->outputs[i] != NULL ? map->of[node->outputs[i]->id] : NULL;
        reached |= dy[i] != NULL;
    }
    if (!reached || info->grad == NULL)
        return;
    if (node->input_count > MAX_LINKS) {
        scl_graph_fail(g, "%s has too many inputs to differentiate", info->name);
        return;
    }
    scl_tensor *dx[MAX_LINKS] = {NULL};
    g->scope = node->scope;
    info->grad(g, node, dy, dx);
    for (int i = 0; i < node->input_count; i++)
        add_grad(g, map, node->inputs[i], dx[i]);
}

scl_status scl_autodiff(scl_graph *g, scl_tensor *loss, scl_error *err)
{
    SCL_TRY(scl_graph_status(g, err));
    if (loss == NULL || scl_shape_count(loss->shape) != 1)
        return scl_fail(err, SCL_FAILED, "autodiff: the loss must be one value");
    if (!loss->needs_grad)
        return scl_fail(err, SCL_BAD_CONFIG,
                        "nothing to train: no parameter that is trained influences the loss; "
                        "check adapter and train_also");
    size_t forward_nodes = g->node_count;
    grad_map map = {.count = g->tensor_count};
    map.of = scl_calloc(map.count, sizeof *map.of);
    if (map.of == NULL)
        return scl_out_of_memory(err, map.count * sizeof *map.of, "gradients");
    const char *scope = g->scope;
    map.of[loss->id] = scl_broadcast(g, scl_scalar(g, 1), loss->shape);
    for (size_t i = forward_nodes; i-- > 0 && g->error.status == SCL_OK;)
        differentiate(g, &map, g->nodes[i]);
    for (size_t i = 0; i < map.count; i++)
        if (g->tensors[i]->trained)
            g->tensors[i]->grad = map.of[i];
    g->scope = scope;
    scl_free(map.of);
    return scl_graph_status(g, err);
}
