/* guarded.h — runs a graph node by node with every tensor in a buffer of its own between guards.
 *
 * Guards and fresh buffers are filled with NaN: a kernel that writes outside its tensor leaves a
 * number in a guard, and one that reads outside, or leaves something unwritten, spreads NaN.
 * Under a checker (SAMCL_TEST_CHECKED) buffers are bare instead: it must see where they end, and
 * that nothing was written to them. */
#ifndef SCL_TESTS_GUARDED_H
#define SCL_TESTS_GUARDED_H

#include "support.h"

#include "base/rng.h"
#include "graph/backend.h"

#include <math.h>
#include <stdlib.h>

#define GUARD_BYTES ((size_t)4096)
/* Under a checker they take the places of those that opening the device has released, which it
 * holds for written. */
#define SPENT_BUFFERS 8

/* Whether a tool such as oclgrind watches the kernels. */
static inline bool test_is_checked(void)
{
    return getenv("SAMCL_TEST_CHECKED") != NULL;
}

/* In low .. high, the same for a purpose and an index; free with free. */
static inline float *random_values(const char *purpose, int index, scl_shape shape, float low,
                                   float high)
{
    size_t count = (size_t)scl_shape_count(shape);
    scl_rng rng = scl_rng_make(11, purpose, (uint64_t)index, 0);
    float *values = malloc(count * sizeof *values);
    for (size_t i = 0; i < count; i++)
        values[i] = low + (high - low) * (float)scl_rng_uniform(&rng);
    return values;
}

typedef struct guarded_buffer {
    scl_buffer *whole, *inner;
    size_t bytes;
} guarded_buffer;

typedef struct guarded_run {
    scl_device *device;
    const scl_graph *graph;
    guarded_buffer *tensors;    /* by tensor id; views share their base's */
    guarded_buffer *workspaces; /* by node index */
    guarded_buffer spent[SPENT_BUFFERS];
} guarded_run;

static inline void fill_nan(scl_device *device, scl_buffer *buffer, size_t bytes)
{
    size_t count = bytes / device->backend->element_size(SCL_F32);
    float *nans = malloc(count * sizeof *nans);
    for (size_t i = 0; i < count; i++)
        nans[i] = NAN;
    assert_ok(device->backend->write(device, buffer, SCL_F32, 0, nans, count, &test_error));
    free(nans);
}

static inline guarded_buffer guarded_make(scl_device *device, size_t bytes)
{
    if (test_is_checked()) {
        guarded_buffer bare = {.bytes = bytes};
        assert_ok(device->backend->buffer_create(device, bytes, &bare.whole, &test_error));
        bare.inner = bare.whole;
        return bare;
    }
    size_t round = device->info.alignment, padded = (bytes + round - 1) / round * round;
    guarded_buffer g = {.bytes = padded + 2 * GUARD_BYTES};
    assert_ok(device->backend->buffer_create(device, g.bytes, &g.whole, &test_error));
    fill_nan(device, g.whole, g.bytes);
    assert_ok(
        device->backend->buffer_view(device, g.whole, GUARD_BYTES, bytes, &g.inner, &test_error));
    return g;
}

static inline void guarded_check(scl_device *device, const guarded_buffer *g, size_t inner_bytes,
                                 const char *what)
{
    if (g->inner == g->whole)
        return;
    size_t element = device->backend->element_size(SCL_F32), count = g->bytes / element;
    float *values = malloc(count * sizeof *values);
    assert_ok(device->backend->read(device, g->whole, SCL_F32, 0, values, count, &test_error));
    for (size_t i = 0; i < count; i++) {
        bool inside = i * element >= GUARD_BYTES && i * element < GUARD_BYTES + inner_bytes;
        if (!inside && !isnan(values[i]))
            fail_msg("%s: wrote %g at byte %td of a tensor of %zu bytes", what, (double)values[i],
                     (ptrdiff_t)(i * element) - (ptrdiff_t)GUARD_BYTES, inner_bytes);
    }
    free(values);
}

static inline size_t tensor_bytes(const guarded_run *run, const scl_tensor *tensor)
{
    return (size_t)scl_shape_count(tensor->shape) *
           run->device->backend->element_size(tensor->dtype);
}

static inline scl_buffer *guarded_of(guarded_run *run, const scl_tensor *tensor)
{
    if (tensor == NULL)
        return NULL;
    tensor = tensor->base;
    guarded_buffer *g = &run->tensors[tensor->id];
    if (g->whole == NULL) {
        *g = guarded_make(run->device, tensor_bytes(run, tensor));
        const void *values = tensor->dtype == SCL_I32 ? (const void *)tensor->ids : tensor->values;
        if (tensor->kind == SCL_TENSOR_CONSTANT)
            assert_ok(run->device->backend->write(run->device, g->inner, tensor->dtype, 0, values,
                                                  (size_t)scl_shape_count(tensor->shape),
                                                  &test_error));
    }
    return g->inner;
}

static inline guarded_run guarded_open(scl_device *device, const scl_graph *graph)
{
    guarded_run run = {.device = device, .graph = graph};
    if (test_is_checked())
        for (int i = 0; i < SPENT_BUFFERS; i++)
            run.spent[i] = guarded_make(device, sizeof(float));
    run.tensors = calloc(graph->tensor_count, sizeof *run.tensors);
    run.workspaces = calloc(graph->node_count, sizeof *run.workspaces);
    return run;
}

static inline void guarded_write(guarded_run *run, const scl_tensor *tensor, const void *values)
{
    assert_ok(run->device->backend->write(run->device, guarded_of(run, tensor), tensor->dtype, 0,
                                          values, (size_t)scl_shape_count(tensor->shape),
                                          &test_error));
}

/* The same for a purpose and a tensor's place in its graph. */
static inline void guarded_write_random(guarded_run *run, const scl_tensor *tensor,
                                        const char *purpose, float low, float high)
{
    float *values = random_values(purpose, tensor->id, tensor->shape, low, high);
    guarded_write(run, tensor, values);
    free(values);
}

static inline float *guarded_read(guarded_run *run, const scl_tensor *tensor)
{
    size_t count = (size_t)scl_shape_count(tensor->shape);
    float *values = malloc(count * sizeof *values);
    assert_ok(run->device->backend->read(run->device, guarded_of(run, tensor), tensor->dtype, 0,
                                         values, count, &test_error));
    return values;
}

static inline void guarded_launch(guarded_run *run, size_t index)
{
    scl_device *device = run->device;
    const scl_node *node = run->graph->nodes[index];
    if (scl_node_is_view(node))
        return;
    scl_buffer *links[1024];
    int count = node->input_count + node->output_count;
    assert_true(count <= 1024);
    for (int i = 0; i < count; i++)
        links[i] = guarded_of(run, node->inputs[i]);
    size_t workspace = device->backend->workspace_bytes(device, node);
    if (workspace > 0 && run->workspaces[index].whole == NULL)
        run->workspaces[index] = guarded_make(device, workspace);
    scl_binding binding = {.node = node,
                           .inputs = links,
                           .outputs = links + node->input_count,
                           .workspace = run->workspaces[index].inner};
    scl_launch *launch = NULL;
    assert_ok(device->backend->prepare(device, &binding, &launch, &test_error));
    assert_ok(device->backend->launch(device, launch, &test_error));
    assert_ok(device->backend->finish(device, &test_error));
    device->backend->launch_release(device, launch);
    for (int i = 0; i < count; i++)
        if (node->inputs[i] != NULL)
            guarded_check(device, &run->tensors[node->inputs[i]->base->id],
                          tensor_bytes(run, node->inputs[i]->base),
                          scl_op_describe(node->op)->name);
    if (workspace > 0)
        guarded_check(device, &run->workspaces[index], workspace, "workspace");
}

static inline void guarded_launch_all(guarded_run *run)
{
    for (size_t i = 0; i < run->graph->node_count; i++)
        guarded_launch(run, i);
}

/* A checker's buffers stay to the end: oclgrind 21.10 takes what it knows of a released one, its
 * size too, for the next in its place. */
static inline void guarded_release(guarded_run *run, guarded_buffer *g)
{
    if (test_is_checked())
        return;
    if (g->inner != g->whole)
        run->device->backend->buffer_release(run->device, g->inner);
    run->device->backend->buffer_release(run->device, g->whole);
}

static inline void guarded_close(guarded_run *run)
{
    for (size_t i = 0; i < run->graph->tensor_count; i++)
        guarded_release(run, &run->tensors[i]);
    for (size_t i = 0; i < run->graph->node_count; i++)
        guarded_release(run, &run->workspaces[i]);
    for (int i = 0; i < SPENT_BUFFERS; i++)
        guarded_release(run, &run->spent[i]);
    free(run->tensors);
    free(run->workspaces);
}

static inline void assert_all_released(const scl_device *device)
{
    if (!test_is_checked())
        assert_int_equal(device->bytes_in_use, 0);
}

#endif
