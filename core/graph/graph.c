#include "graph/graph.h"

#include <stdio.h>
#include <string.h>

scl_graph *scl_graph_create(scl_error *err)
{
    scl_graph *graph = scl_calloc(1, sizeof *graph);
    if (graph == NULL)
        scl_out_of_memory(err, sizeof *graph, "a graph");
    else
        graph->scope = "";
    return graph;
}

void scl_graph_free(scl_graph *graph)
{
    if (graph == NULL)
        return;
    scl_free(graph->tensors);
    scl_free(graph->nodes);
    scl_free(graph->added_losses);
    scl_arena_free(&graph->arena);
    scl_free(graph);
}

scl_status scl_graph_status(const scl_graph *graph, scl_error *err)
{
    if (graph->error.status == SCL_OK)
        return SCL_OK;
    return scl_fail(err, graph->error.status, "%s", graph->error.text);
}

scl_tensor *scl_graph_fail(scl_graph *graph, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    bool scoped = graph->scope[0] != '\0';
    scl_fail(&graph->error, SCL_FAILED, "%s%s%s", scoped ? graph->scope : "", scoped ? ": " : "",
             text);
    return NULL;
}

void *scl_graph_out_of_memory(scl_graph *graph, size_t bytes, const char *what)
{
    scl_out_of_memory(&graph->error, bytes, what);
    return NULL;
}

static void *out_of_memory(scl_graph *graph)
{
    return scl_graph_out_of_memory(graph, sizeof(scl_tensor), "a graph");
}

const char *scl_graph_scope(scl_graph *graph, const char *scope)
{
    const char *previous = graph->scope;
    const char *copy = scl_arena_strdup(&graph->arena, scope);
    if (copy != NULL)
        graph->scope = copy;
    else
        out_of_memory(graph);
    return previous;
}

static scl_tensor *tensor_add(scl_graph *graph, scl_tensor_kind kind, scl_dtype dtype,
                              scl_shape shape)
{
    if (graph->error.status != SCL_OK)
        return NULL;
    scl_tensor *tensor = scl_arena_alloc(&graph->arena, sizeof *tensor);
    if (tensor == NULL || !SCL_GROW(graph->tensors, graph->tensor_count, graph->tensor_capacity))
        return out_of_memory(graph);
    tensor->id = (int32_t)graph->tensor_count;
    tensor->kind = kind;
    tensor->dtype = dtype;
    tensor->shape = shape;
    tensor->base = tensor;
    graph->tensors[graph->tensor_count++] = tensor;
    return tensor;
}

scl_tensor *scl_graph_find(const scl_graph *graph, const char *name)
{
    for (size_t i = 0; i < graph->tensor_count; i++)
        if (graph->tensors[i]->name != NULL && strcmp(graph->tensors[i]->name, name) == 0)
            return graph->tensors[i];
    return NULL;
}

/* A leaf by name: the one already there when kind and shape agree. */
static scl_tensor *named(scl_graph *graph, const char *name, scl_tensor_kind kind, scl_dtype dtype,
                         scl_shape shape, bool *is_new)
{
    *is_new = false;
    if (graph->error.status != SCL_OK)
        return NULL;
    scl_tensor *found = scl_graph_find(graph, name);
    if (found != NULL) {
        char a[SCL_SHAPE_TEXT], b[SCL_SHAPE_TEXT];
        if (found->kind == kind && scl_shape_equal(found->shape, shape))
            return found;
        return scl_graph_fail(graph, "\"%s\" is wanted with shape %s but exists with shape %s",
                              name, scl_shape_text(shape, a), scl_shape_text(found->shape, b));
    }
    scl_tensor *tensor = tensor_add(graph, kind, dtype, shape);
    if (tensor == NULL)
        return NULL;
    tensor->name = scl_arena_strdup(&graph->arena, name);
    *is_new = true;
    return tensor->name != NULL ? tensor : out_of_memory(graph);
}

scl_tensor *scl_input(scl_graph *graph, const char *name, scl_dtype dtype, scl_shape shape)
{
    bool is_new;
    scl_tensor *tensor = named(graph, name, SCL_TENSOR_INPUT, dtype, shape, &is_new);
    if (tensor != NULL && !is_new)
        return scl_graph_fail(graph, "input \"%s\" is declared twice", name);
    return tensor;
}

scl_tensor *scl_parameter(scl_graph *graph, const char *name, scl_shape shape, scl_init init,
                          bool trained)
{
    bool is_new;
    scl_tensor *tensor = named(graph, name, SCL_TENSOR_PARAM, SCL_F32, shape, &is_new);
    if (is_new && tensor != NULL) {
        tensor->scope = graph->scope;
        tensor->init = init;
        tensor->trained = trained;
        tensor->needs_grad = trained;
    }
    return tensor;
}

scl_tensor *scl_state(scl_graph *graph, const char *name, scl_shape shape)
{
    bool is_new;
    return named(graph, name, SCL_TENSOR_STATE, SCL_F32, shape, &is_new);
}

static void *copy_values(scl_graph *graph, const void *values, int64_t count)
{
    void *copy = scl_arena_alloc(&graph->arena, (size_t)count * sizeof(float));
    if (copy == NULL)
        return out_of_memory(graph);
    return memcpy(copy, values, (size_t)count * sizeof(float));
}

scl_tensor *scl_constant(scl_graph *graph, const float *values, scl_shape shape)
{
    scl_tensor *tensor = tensor_add(graph, SCL_TENSOR_CONSTANT, SCL_F32, shape);
    if (tensor != NULL)
        tensor->values = copy_values(graph, values, scl_shape_count(shape));
    return tensor;
}

scl_tensor *scl_constant_ids(scl_graph *graph, const int32_t *ids, scl_shape shape)
{
    scl_tensor *tensor = tensor_add(graph, SCL_TENSOR_CONSTANT, SCL_I32, shape);
    if (tensor != NULL)
        tensor->ids = copy_values(graph, ids, scl_shape_count(shape));
    return tensor;
}

scl_tensor *scl_scalar(scl_graph *graph, float value)
{
    return scl_constant(graph, &value, SCL_SHAPE(1));
}

void scl_graph_add_loss(scl_graph *graph, const char *label, scl_tensor *value)
{
    if (graph->error.status != SCL_OK)
        return;
    const char *copy = scl_arena_strdup(&graph->arena, label);
    if (copy == NULL ||
        !SCL_GROW(graph->added_losses, graph->added_loss_count, graph->added_loss_capacity))
        out_of_memory(graph);
    else
        graph->added_losses[graph->added_loss_count++] =
            (scl_added_loss){.label = copy, .value = value};
}

scl_node *scl_node_add(scl_graph *graph, scl_op op, scl_tensor *const *inputs, int input_count,
                       int output_count)
{
    if (graph->error.status != SCL_OK)
        return NULL;
    scl_node *node = scl_arena_alloc(&graph->arena, sizeof *node);
    size_t pointers = (size_t)(input_count + output_count) * sizeof(scl_tensor *);
    scl_tensor **links = scl_arena_alloc(&graph->arena, pointers);
    if (node == NULL || links == NULL ||
        !SCL_GROW(graph->nodes, graph->node_count, graph->node_capacity))
        return out_of_memory(graph);
    /* Member by member: the arena's memory is zero, and an initializer may leave the bytes of the
     * union that its first member lacks undefined; the prefix is signed by all of them. */
    node->id = (int32_t)graph->node_count;
    node->op = op;
    node->input_count = input_count;
    node->output_count = output_count;
    node->inputs = links;
    node->outputs = links + input_count;
    node->scope = graph->scope;
    for (int i = 0; i < input_count; i++)
        links[i] = inputs[i];
    graph->nodes[graph->node_count++] = node;
    return node;
}

scl_tensor *scl_node_output(scl_graph *graph, scl_node *node, int index, scl_dtype dtype,
                            scl_shape shape)
{
    if (node == NULL)
        return NULL;
    scl_tensor *tensor = tensor_add(graph, SCL_TENSOR_RESULT, dtype, shape);
    if (tensor == NULL)
        return NULL;
    const scl_op_info *info = scl_op_describe(node->op);
    tensor->producer = node;
    for (int i = 0; i < node->input_count && info->grad != NULL; i++)
        tensor->needs_grad |= node->inputs[i] != NULL && node->inputs[i]->needs_grad;
    if (info->flags & (SCL_OP_VIEW | SCL_OP_UPDATE))
        tensor->base = node->inputs[0]->base;
    node->outputs[index] = tensor;
    return tensor;
}

scl_tensor *scl_tensor_again(scl_graph *graph, const scl_tensor *tensor, scl_node *producer,
                             scl_tensor *base)
{
    scl_tensor *again = tensor_add(graph, SCL_TENSOR_RESULT, tensor->dtype, tensor->shape);
    if (again == NULL)
        return NULL;
    again->needs_grad = tensor->needs_grad;
    again->producer = producer;
    if (base != NULL)
        again->base = base;
    return again;
}

scl_shape scl_shape_make(int ndim, const int64_t *dims)
{
    scl_shape shape = {.ndim = ndim};
    for (int i = 0; i < ndim && i < SCL_MAX_DIMS; i++)
        shape.dim[i] = dims[i];
    return shape;
}

int64_t scl_shape_count(scl_shape shape)
{
    int64_t count = 1;
    for (int i = 0; i < shape.ndim; i++)
        count *= shape.dim[i];
    return count;
}

bool scl_shape_equal(scl_shape a, scl_shape b)
{
    bool equal = a.ndim == b.ndim;
    for (int i = 0; i < a.ndim && equal; i++)
        equal = a.dim[i] == b.dim[i];
    return equal;
}

char *scl_shape_text(scl_shape shape, char *text)
{
    int used = snprintf(text, SCL_SHAPE_TEXT, "[");
    for (int i = 0; i < shape.ndim && used < SCL_SHAPE_TEXT - 2; i++)
        used += snprintf(text + used, (size_t)(SCL_SHAPE_TEXT - used), "%s%lld", i > 0 ? ", " : "",
                         (long long)shape.dim[i]);
    snprintf(text + used, (size_t)(SCL_SHAPE_TEXT - used), "]");
    return text;
}
