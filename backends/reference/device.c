/* device.c — memory and dispatch of the reference backend. */
#include "reference/reference.h"

#include "graph/profile.h"

#include <string.h>
#include <unistd.h>

struct scl_buffer {
    unsigned char *data;
    size_t bytes;
    bool is_view;
};

struct scl_launch {
    reference_args args;
    double *links[];
};

static const reference_op ops[SCL_OP_COUNT] = {
#define X(NAME, name, grad, flags, text)                                                           \
    [SCL_OP_##NAME] = ((flags)&SCL_OP_VIEW) != 0 ? NULL : reference_##name,
#include "graph/ops.def"
#undef X
};

double *scl_reference_values(scl_buffer *buffer)
{
    return (double *)(void *)buffer->data;
}

static size_t element_size(scl_dtype dtype)
{
    return dtype == SCL_F32 ? sizeof(double) : sizeof(int32_t);
}

static scl_status buffer_create(scl_device *device, size_t bytes, scl_buffer **out, scl_error *err)
{
    scl_buffer *buffer = scl_calloc(1, sizeof *buffer);
    unsigned char *data = buffer != NULL ? scl_calloc(bytes, 1) : NULL;
    if (data == NULL) {
        scl_free(buffer);
        return scl_out_of_memory(err, bytes, "a tensor of the reference device");
    }
    *buffer = (scl_buffer){.data = data, .bytes = bytes};
    scl_device_count_bytes(device, (ptrdiff_t)bytes);
    *out = buffer;
    return SCL_OK;
}

static scl_status buffer_view(scl_device *device, scl_buffer *parent, size_t offset, size_t bytes,
                              scl_buffer **out, scl_error *err)
{
    (void)device;
    scl_buffer *buffer = scl_calloc(1, sizeof *buffer);
    if (buffer == NULL)
        return scl_out_of_memory(err, sizeof *buffer, "a view");
    *buffer = (scl_buffer){.data = parent->data + offset, .bytes = bytes, .is_view = true};
    *out = buffer;
    return SCL_OK;
}

static void buffer_release(scl_device *device, scl_buffer *buffer)
{
    if (buffer == NULL)
        return;
    if (!buffer->is_view) {
        scl_device_count_bytes(device, -(ptrdiff_t)buffer->bytes);
        scl_free(buffer->data);
    }
    scl_free(buffer);
}

static scl_status write_values(scl_device *device, scl_buffer *buffer, scl_dtype dtype,
                               size_t offset, const void *values, size_t count, scl_error *err)
{
    (void)device;
    if ((offset + count) * element_size(dtype) > buffer->bytes)
        return scl_fail(err, SCL_DEVICE, "write beyond the end of a buffer");
    if (dtype == SCL_I32) {
        memcpy((int32_t *)(void *)buffer->data + offset, values, count * sizeof(int32_t));
        return SCL_OK;
    }
    double *to = (double *)(void *)buffer->data + offset;
    for (size_t i = 0; i < count; i++)
        to[i] = (double)((const float *)values)[i];
    return SCL_OK;
}

static scl_status read_values(scl_device *device, scl_buffer *buffer, scl_dtype dtype,
                              size_t offset, void *values, size_t count, scl_error *err)
{
    (void)device;
    if ((offset + count) * element_size(dtype) > buffer->bytes)
        return scl_fail(err, SCL_DEVICE, "read beyond the end of a buffer");
    if (dtype == SCL_I32) {
        memcpy(values, (int32_t *)(void *)buffer->data + offset, count * sizeof(int32_t));
        return SCL_OK;
    }
    const double *from = (double *)(void *)buffer->data + offset;
    for (size_t i = 0; i < count; i++)
        ((float *)values)[i] = (float)from[i];
    return SCL_OK;
}

static scl_status zero(scl_device *device, scl_buffer *buffer, size_t bytes, scl_error *err)
{
    (void)device;
    if (bytes > buffer->bytes)
        return scl_fail(err, SCL_DEVICE, "zeroing beyond the end of a buffer");
    memset(buffer->data, 0, bytes);
    return SCL_OK;
}

static size_t workspace_bytes(scl_device *device, const scl_node *node)
{
    (void)device;
    (void)node;
    return 0;
}

static scl_status prepare(scl_device *device, const scl_binding *binding, scl_launch **out,
                          scl_error *err)
{
    (void)device;
    const scl_node *node = binding->node;
    size_t links = (size_t)(node->input_count + node->output_count);
    scl_launch *launch = scl_calloc(1, sizeof *launch + links * sizeof(double *));
    if (launch == NULL)
        return scl_out_of_memory(err, links * sizeof(double *), "a launch");
    double **in = launch->links, **outputs = launch->links + node->input_count;
    for (int i = 0; i < node->input_count; i++)
        in[i] = binding->inputs[i] != NULL ? (double *)(void *)binding->inputs[i]->data : NULL;
    for (int i = 0; i < node->output_count; i++)
        outputs[i] =
            binding->outputs[i] != NULL ? (double *)(void *)binding->outputs[i]->data : NULL;
    launch->args = (reference_args){.node = node, .in = in, .out = outputs};
    *out = launch;
    return SCL_OK;
}

static scl_status launch_run(scl_device *device, scl_launch *launch, scl_error *err)
{
    (void)err;
    const scl_node *node = launch->args.node;
    uint64_t start = scl_profile_now(device->profile);
    ops[node->op](&launch->args);
    if (device->profile == NULL)
        return SCL_OK;
    uint64_t end = scl_profile_now(device->profile);
    const scl_kernel_time time = {scl_node_name(node), start, end};
    scl_profile_launch(device->profile, node, &time, 1);
    scl_profile_spent(device->profile, end);
    return SCL_OK;
}

static void launch_release(scl_device *device, scl_launch *launch)
{
    (void)device;
    scl_free(launch);
}

static scl_status finish(scl_device *device, scl_error *err)
{
    (void)device;
    (void)err;
    return SCL_OK;
}

/* The host's clock is there anyway. */
static scl_status time_launches(scl_device *device, scl_error *err)
{
    (void)device;
    (void)err;
    return SCL_OK;
}

static void device_close(scl_device *device)
{
    scl_free(device);
}

static const scl_backend backend = {
    .name = "reference",
    .element_size = element_size,
    .buffer_create = buffer_create,
    .buffer_view = buffer_view,
    .buffer_release = buffer_release,
    .write = write_values,
    .read = read_values,
    .zero = zero,
    .workspace_bytes = workspace_bytes,
    .prepare = prepare,
    .launch = launch_run,
    .launch_release = launch_release,
    .finish = finish,
    .time_launches = time_launches,
    .close = device_close,
};

scl_status scl_reference_open(scl_device **out, scl_error *err)
{
    scl_device *device = scl_calloc(1, sizeof *device);
    if (device == NULL)
        return scl_out_of_memory(err, sizeof *device, "the reference device");
    size_t memory = (size_t)sysconf(_SC_PHYS_PAGES) * (size_t)sysconf(_SC_PAGESIZE);
    *device = (scl_device){.backend = &backend,
                           .info = {.name = "reference (plain C, double precision)",
                                    .vendor = "samcl",
                                    .platform = "reference",
                                    .driver = "built in",
                                    .version = "1",
                                    .runtime = "1",
                                    .is_cpu = true,
                                    .compute_units = 1,
                                    .memory_bytes = memory,
                                    .max_alloc = memory,
                                    .alignment = 64}};
    *out = device;
    return SCL_OK;
}
