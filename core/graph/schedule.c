#include "graph/schedule.h"

struct scl_schedule {
    const scl_plan *plan;
    scl_device *device;
    scl_buffer **chunks; /* the arena, in pieces the device can allocate */
    size_t chunk_count;
    scl_buffer **places;    /* a view per place of the plan */
    scl_buffer **own;       /* by tensor id: inputs, constants and imported results */
    scl_buffer **of_tensor; /* by tensor id, borrowed from the store, `places` or `own` */
    scl_launch **launches;  /* by index in the plan; NULL for views */
};

static scl_status make_arena(scl_schedule *s, scl_error *err)
{
    const scl_plan *plan = s->plan;
    const scl_backend *backend = s->device->backend;
    for (size_t i = 0; i < s->chunk_count; i++) {
        size_t left = plan->arena_bytes - i * plan->chunk_bytes;
        size_t bytes = left < plan->chunk_bytes ? left : plan->chunk_bytes;
        SCL_TRY(backend->buffer_create(s->device, bytes, &s->chunks[i], err));
    }
    for (size_t i = 0; i < plan->place_count; i++) {
        const scl_region *place = &plan->places[i];
        scl_buffer *chunk = s->chunks[place->offset / plan->chunk_bytes];
        SCL_TRY(backend->buffer_view(s->device, chunk, place->offset % plan->chunk_bytes,
                                     place->bytes, &s->places[i], err));
    }
    return SCL_OK;
}

static scl_status make_own_buffer(scl_schedule *s, const scl_tensor *tensor, scl_error *err)
{
    const scl_backend *backend = s->device->backend;
    size_t count = (size_t)scl_shape_count(tensor->shape);
    scl_buffer **own = &s->own[tensor->id];
    SCL_TRY(
        backend->buffer_create(s->device, count * backend->element_size(tensor->dtype), own, err));
    if (tensor->kind != SCL_TENSOR_CONSTANT) /* zero until written: fresh memory may hold NaN */
        return backend->zero(s->device, *own, count * backend->element_size(tensor->dtype), err);
    const void *values = tensor->dtype == SCL_I32 ? (const void *)tensor->ids : tensor->values;
    return backend->write(s->device, *own, tensor->dtype, 0, values, count, err);
}

/* Finds or makes the buffer behind a tensor. */
static scl_status resolve(scl_schedule *s, scl_store *store, const scl_tensor *tensor,
                          scl_error *err)
{
    scl_buffer **buffer = &s->of_tensor[tensor->id];
    if (*buffer != NULL)
        return SCL_OK;
    int32_t place = s->plan->place_of_tensor[tensor->id];
    if (place != SCL_NOT_PLACED) {
        *buffer = s->places[place];
    } else if (tensor->base != tensor) {
        SCL_TRY(resolve(s, store, tensor->base, err));
        *buffer = s->of_tensor[tensor->base->id];
    } else if (tensor->kind == SCL_TENSOR_PARAM || tensor->kind == SCL_TENSOR_STATE) {
        scl_store_entry *entry = NULL;
        SCL_TRY(scl_store_get(store, tensor, &entry, err));
        *buffer = entry->buffer;
    } else {
        SCL_TRY(make_own_buffer(s, tensor, err));
        *buffer = s->own[tensor->id];
    }
    return SCL_OK;
}

#define MAX_LINKS 1024

static scl_status bind_node(scl_schedule *s, scl_store *store, size_t index, scl_error *err)
{
    const scl_node *node = s->plan->nodes[index];
    scl_buffer *buffers[MAX_LINKS] = {NULL};
    int links = node->input_count + node->output_count;
    if (links > MAX_LINKS)
        return scl_fail(err, SCL_FAILED, "%s: %d inputs are more than a schedule can bind",
                        scl_node_name(node), node->input_count);
    for (int i = 0; i < links; i++) {
        const scl_tensor *tensor = node->inputs[i]; /* outputs follow inputs in one array */
        if (tensor == NULL)
            continue;
        SCL_TRY(resolve(s, store, tensor, err));
        buffers[i] = s->of_tensor[tensor->id];
    }
    if (scl_node_is_view(node))
        return SCL_OK;
    int32_t workspace = s->plan->place_of_workspace[index];
    scl_binding binding = {.node = node,
                           .inputs = buffers,
                           .outputs = buffers + node->input_count,
                           .workspace = workspace != SCL_NOT_PLACED ? s->places[workspace] : NULL};
    scl_status status = s->device->backend->prepare(s->device, &binding, &s->launches[index], err);
    if (status != SCL_OK && err != NULL && node->scope[0] != '\0')
        scl_error_prefix(err, "%s", node->scope);
    return status;
}

scl_status scl_schedule_create(const scl_plan *plan, scl_store *store, scl_schedule **out,
                               scl_error *err)
{
    scl_schedule *s = scl_calloc(1, sizeof *s);
    *out = NULL;
    if (s == NULL)
        return scl_out_of_memory(err, sizeof *s, "a schedule");
    size_t tensors = plan->graph->tensor_count;
    *s = (scl_schedule){.plan = plan,
                        .device = store->device,
                        .chunk_count =
                            (plan->arena_bytes + plan->chunk_bytes - 1) / plan->chunk_bytes};
    s->chunks = scl_calloc(s->chunk_count, sizeof(scl_buffer *));
    s->places = scl_calloc(plan->place_count, sizeof(scl_buffer *));
    s->own = scl_calloc(tensors, sizeof(scl_buffer *));
    s->of_tensor = scl_calloc(tensors, sizeof(scl_buffer *));
    s->launches = scl_calloc(plan->node_count, sizeof(scl_launch *));
    scl_status status = SCL_OK;
    if (s->chunks == NULL || s->places == NULL || s->own == NULL || s->of_tensor == NULL ||
        s->launches == NULL)
        status = scl_out_of_memory(err, tensors * sizeof(scl_buffer *), "a schedule");
    if (status == SCL_OK)
        status = make_arena(s, err);
    for (size_t i = 0; i < plan->node_count && status == SCL_OK; i++)
        status = bind_node(s, store, i, err);
    if (status == SCL_OK)
        *out = s;
    else
        scl_schedule_free(s);
    return status;
}

size_t scl_schedule_leaf_bytes(const scl_plan *plan, const scl_store *store)
{
    size_t bytes = 0;
    bool *met = scl_calloc(plan->graph->tensor_count, sizeof *met);
    for (size_t n = 0; n < plan->node_count && met != NULL; n++) {
        const scl_node *node = plan->nodes[n];
        for (int i = 0; i < node->input_count + node->output_count; i++) {
            if (node->inputs[i] == NULL || met[node->inputs[i]->base->id])
                continue;
            const scl_tensor *leaf = node->inputs[i]->base;
            met[leaf->id] = true;
            if (plan->place_of_tensor[leaf->id] == SCL_NOT_PLACED &&
                (leaf->name == NULL || scl_store_find(store, leaf->name) == NULL))
                bytes += (size_t)scl_shape_count(leaf->shape) *
                         store->device->backend->element_size(leaf->dtype);
        }
    }
    scl_free(met);
    return bytes;
}

/* Last made, first released: NVIDIA's driver 580 crashes when views that overlap go in the order
 * they were made. */
static void release_all(scl_schedule *s, scl_buffer **buffers, size_t count)
{
    for (size_t i = buffers != NULL ? count : 0; i-- > 0;)
        s->device->backend->buffer_release(s->device, buffers[i]);
    scl_free(buffers);
}

void scl_schedule_free(scl_schedule *s)
{
    if (s == NULL)
        return;
    s->device->backend->finish(s->device, NULL);
    for (size_t i = 0; s->launches != NULL && i < s->plan->node_count; i++)
        s->device->backend->launch_release(s->device, s->launches[i]);
    scl_free(s->launches);
    scl_free(s->of_tensor);
    release_all(s, s->own, s->plan->graph->tensor_count);
    release_all(s, s->places, s->plan->place_count);
    release_all(s, s->chunks, s->chunk_count);
    scl_free(s);
}

bool scl_schedule_has(const scl_schedule *s, const scl_tensor *tensor)
{
    return s->of_tensor[tensor->id] != NULL;
}

static scl_status locate(const scl_schedule *s, const scl_tensor *tensor, size_t offset,
                         size_t count, scl_buffer **out, scl_error *err)
{
    size_t have = (size_t)scl_shape_count(tensor->shape);
    const char *name = tensor->name != NULL ? tensor->name : "a result";
    *out = s->of_tensor[tensor->id];
    if (*out == NULL)
        return scl_fail(err, SCL_FAILED, "%s is not part of this schedule", name);
    if (offset > have || count > have - offset)
        return scl_fail(err, SCL_FAILED, "%s holds %zu values, not %zu from %zu on", name, have,
                        count, offset);
    return SCL_OK;
}

scl_status scl_schedule_write(scl_schedule *s, const scl_tensor *tensor, size_t offset,
                              const void *values, size_t count, scl_error *err)
{
    scl_buffer *buffer = NULL;
    SCL_TRY(locate(s, tensor, offset, count, &buffer, err));
    return s->device->backend->write(s->device, buffer, tensor->dtype, offset, values, count, err);
}

scl_status scl_schedule_zero(scl_schedule *s, const scl_tensor *tensor, scl_error *err)
{
    scl_buffer *buffer = NULL;
    size_t count = (size_t)scl_shape_count(tensor->shape);
    SCL_TRY(locate(s, tensor, 0, count, &buffer, err));
    size_t bytes = count * s->device->backend->element_size(tensor->dtype);
    return s->device->backend->zero(s->device, buffer, bytes, err);
}

scl_status scl_schedule_read(scl_schedule *s, const scl_tensor *tensor, size_t offset, void *values,
                             size_t count, scl_error *err)
{
    scl_buffer *buffer = NULL;
    SCL_TRY(locate(s, tensor, offset, count, &buffer, err));
    return s->device->backend->read(s->device, buffer, tensor->dtype, offset, values, count, err);
}

scl_status scl_schedule_run(scl_schedule *s, size_t first, size_t end, scl_error *err)
{
    for (size_t i = first; i < end && i < s->plan->node_count; i++) {
        if (s->launches[i] == NULL)
            continue;
        scl_status status = s->device->backend->launch(s->device, s->launches[i], err);
        if (status != SCL_OK) {
            scl_error_prefix(err, "%s", s->plan->nodes[i]->scope);
            return status;
        }
    }
    return SCL_OK;
}
