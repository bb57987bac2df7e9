/* graph_work.c — a graph as the work of a sample, on random inputs. */
#include "bench/work.h"

#include <math.h>

/* Of the nodes that are differentiated: attention has the most. */
#define NODE_RESULTS 3
#define NODE_INPUTS  7

typedef struct graph_state {
    scl_device *device;
    scl_store *store; /* its own, or the model's */
    scl_model *model; /* NULL: random weights */
    scl_compiled compiled;
    size_t first;
} graph_state;

scl_tensor *scl_bench_keep(scl_tensor *tensor, const char *name)
{
    if (tensor == NULL)
        return NULL;
    tensor->keep = true;
    tensor->name = name;
    return tensor;
}

size_t scl_bench_differentiate(scl_graph *g, const scl_tensor *y, const char *dy,
                               const char *const *names, int count)
{
    scl_tensor *grad_y[NODE_RESULTS] = {NULL}, *grads[NODE_INPUTS] = {NULL};
    if (y == NULL)
        return 0;
    const scl_node *node = y->producer;
    grad_y[0] = scl_bench_input(g, dy, y->shape);
    for (int i = 0; i < node->output_count; i++)
        node->outputs[i]->keep = true;
    size_t first = g->node_count;
    scl_op_describe(node->op)->grad(g, node, grad_y, grads);
    for (int i = 0; i < count; i++)
        scl_bench_keep(grads[i], names[i]);
    return first;
}

scl_tensor *scl_bench_input(scl_graph *g, const char *name, scl_shape shape)
{
    return scl_input(g, name, SCL_F32, shape);
}

scl_tensor *scl_bench_weight(scl_graph *g, const char *name, scl_shape shape, bool trained)
{
    double fan_in = (double)shape.dim[shape.ndim - 1];
    return scl_parameter(g, name, shape, (scl_init){SCL_INIT_UNIFORM, (float)(1 / sqrt(fan_in))},
                         trained);
}

static scl_status run(void *state, scl_error *err)
{
    graph_state *s = state;
    SCL_TRY(scl_schedule_run(s->compiled.schedule, s->first, s->compiled.plan->node_count, err));
    return s->device->backend->finish(s->device, err);
}

static bool is_saved(const graph_state *s, const scl_tensor *tensor)
{
    return tensor->kind == SCL_TENSOR_INPUT || (tensor->keep && tensor->name != NULL) ||
           (tensor->kind == SCL_TENSOR_PARAM && s->model == NULL);
}

static scl_status save(void *state, const char *path, scl_error *err)
{
    graph_state *s = state;
    static scl_bench_file file; /* large */
    scl_status status = SCL_OK;
    file = (scl_bench_file){0};
    for (size_t i = 0; i < s->compiled.graph->tensor_count && status == SCL_OK; i++) {
        const scl_tensor *t = s->compiled.graph->tensors[i];
        void *values = NULL;
        if (!is_saved(s, t))
            continue;
        status = scl_bench_file_add(&file, t->name, t->dtype, t->shape, &values, err);
        if (status == SCL_OK)
            status = scl_schedule_read(s->compiled.schedule, t, 0, values,
                                       (size_t)scl_shape_count(t->shape), err);
    }
    return scl_bench_file_end(&file, status, path, err);
}

static void free_state(void *state)
{
    graph_state *s = state;
    scl_compiled_free(&s->compiled);
    if (s->model == NULL)
        scl_store_free(s->store);
    scl_model_free(s->model);
    scl_free(s);
}

static scl_status fill_inputs(const scl_compiled *compiled, scl_error *err)
{
    scl_status status = SCL_OK;
    for (size_t i = 0; i < compiled->graph->tensor_count && status == SCL_OK; i++) {
        const scl_tensor *t = compiled->graph->tensors[i];
        size_t count = (size_t)scl_shape_count(t->shape);
        if (t->kind != SCL_TENSOR_INPUT || t->dtype != SCL_F32)
            continue;
        float *values = scl_calloc(count, sizeof *values);
        if (values == NULL)
            return scl_out_of_memory(err, count * sizeof *values, "the inputs of a case");
        scl_bench_fill(t->name, values, count);
        status = scl_schedule_write(compiled->schedule, t, 0, values, count, err);
        scl_free(values);
    }
    return status;
}

static scl_status prepare(graph_state *s, scl_graph *graph, scl_error *err)
{
    SCL_TRY(scl_compile(graph, NULL, 0, s->store, &s->compiled, err));
    SCL_TRY(fill_inputs(&s->compiled, err));
    SCL_TRY(scl_schedule_run(s->compiled.schedule, 0, s->first, err));
    return s->device->backend->finish(s->device, err);
}

scl_status scl_bench_graph_work(const scl_bench_setup *setup, scl_graph *graph, size_t first,
                                scl_model *model, scl_bench_work *work, scl_error *err)
{
    graph_state *s = scl_calloc(1, sizeof *s);
    if (s == NULL) {
        scl_graph_free(graph);
        scl_model_free(model);
        return scl_out_of_memory(err, sizeof *s, "a case");
    }
    *s = (graph_state){.device = setup->device, .model = model, .first = first};
    work->state = s;
    work->run = run;
    work->save = save;
    work->free = free_state;
    scl_status status = scl_graph_status(graph, err);
    if (status == SCL_OK)
        scl_bench_count(work, setup->device, graph->nodes + first, graph->node_count - first);
    s->store = model != NULL ? model->store : NULL;
    if (status == SCL_OK && model == NULL)
        status = scl_store_create(setup->device, SCL_BENCH_SEED, &s->store, err);
    if (status == SCL_OK)
        return prepare(s, graph, err);
    scl_graph_free(graph);
    return status;
}
