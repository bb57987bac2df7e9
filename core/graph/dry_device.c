#include "graph/dry_device.h"

#include <string.h>

typedef struct dry_device {
    scl_device base;
    scl_backend backend; /* the real one's name and sizes, and the functions below */
    scl_device *real;
} dry_device;

struct scl_buffer {
    size_t bytes; /* 0: a view */
};

struct scl_launch {
    char nothing;
};

static scl_status make_buffer(size_t bytes, scl_buffer **out, scl_error *err)
{
    *out = scl_calloc(1, sizeof **out);
    if (*out == NULL)
        return scl_out_of_memory(err, sizeof **out, "a buffer");
    (*out)->bytes = bytes;
    return SCL_OK;
}

static scl_status buffer_create(scl_device *device, size_t bytes, scl_buffer **out, scl_error *err)
{
    SCL_TRY(make_buffer(bytes, out, err));
    scl_device_count_bytes(device, (ptrdiff_t)bytes);
    return SCL_OK;
}

static scl_status buffer_view(scl_device *device, scl_buffer *parent, size_t offset, size_t bytes,
                              scl_buffer **out, scl_error *err)
{
    (void)device;
    (void)parent;
    (void)offset;
    (void)bytes;
    return make_buffer(0, out, err);
}

static void buffer_release(scl_device *device, scl_buffer *buffer)
{
    if (buffer == NULL)
        return;
    scl_device_count_bytes(device, -(ptrdiff_t)buffer->bytes);
    scl_free(buffer);
}

static scl_status write_values(scl_device *device, scl_buffer *buffer, scl_dtype dtype,
                               size_t offset, const void *values, size_t count, scl_error *err)
{
    (void)device;
    (void)buffer;
    (void)dtype;
    (void)offset;
    (void)values;
    (void)count;
    (void)err;
    return SCL_OK;
}

static scl_status read_values(scl_device *device, scl_buffer *buffer, scl_dtype dtype,
                              size_t offset, void *values, size_t count, scl_error *err)
{
    (void)device;
    (void)buffer;
    (void)dtype;
    (void)offset;
    (void)err;
    memset(values, 0, count * sizeof(float)); /* int32_t is as large */
    return SCL_OK;
}

static scl_status zero(scl_device *device, scl_buffer *buffer, size_t bytes, scl_error *err)
{
    (void)device;
    (void)buffer;
    (void)bytes;
    (void)err;
    return SCL_OK;
}

static size_t workspace_bytes(scl_device *device, const scl_node *node)
{
    scl_device *real = ((dry_device *)(void *)device)->real;
    return real->backend->workspace_bytes(real, node);
}

static scl_status prepare(scl_device *device, const scl_binding *binding, scl_launch **out,
                          scl_error *err)
{
    (void)device;
    (void)binding;
    *out = scl_calloc(1, sizeof **out);
    return *out != NULL ? SCL_OK : scl_out_of_memory(err, sizeof **out, "a launch");
}

static scl_status launch(scl_device *device, scl_launch *one, scl_error *err)
{
    (void)device;
    (void)one;
    (void)err;
    return SCL_OK;
}

static void launch_release(scl_device *device, scl_launch *one)
{
    (void)device;
    scl_free(one);
}

static scl_status finish(scl_device *device, scl_error *err)
{
    (void)device;
    (void)err;
    return SCL_OK;
}

static void device_close(scl_device *device)
{
    scl_free(device);
}

scl_status scl_dry_device_open(scl_device *real, scl_device **out, scl_error *err)
{
    dry_device *dry = scl_calloc(1, sizeof *dry);
    *out = NULL;
    if (dry == NULL)
        return scl_out_of_memory(err, sizeof *dry, "a device");
    dry->real = real;
    dry->backend = (scl_backend){.name = real->backend->name,
                                 .element_size = real->backend->element_size,
                                 .buffer_create = buffer_create,
                                 .buffer_view = buffer_view,
                                 .buffer_release = buffer_release,
                                 .write = write_values,
                                 .read = read_values,
                                 .zero = zero,
                                 .workspace_bytes = workspace_bytes,
                                 .prepare = prepare,
                                 .launch = launch,
                                 .launch_release = launch_release,
                                 .finish = finish,
                                 .close = device_close};
    dry->base = (scl_device){
        .backend = &dry->backend, .info = real->info, .memory_budget = real->memory_budget};
    *out = &dry->base;
    return SCL_OK;
}
