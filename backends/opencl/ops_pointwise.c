/* ops_pointwise.c — the op pointwise: a kernel made of the node's program, and one more where sums
 * are cut into shares. */
#include "opencl/opencl.h"

#include "opencl/pointwise_text.h"

#include <string.h>

/* How a program is laid over the device. */
typedef struct layout {
    int64_t stride[SCL_POINTWISE_INPUTS][SCL_MAX_DIMS];
    cl_broadcast domain;
    int64_t inner, rows;
    int64_t splits, share; /* of a row, where there are sums */
    bool finish;           /* sums are added up by a second kernel */
} layout;

/* The first dimension that every sum runs over. */
static int find_edge(const scl_pointwise *p)
{
    int64_t most = 1, before = 1;
    for (int32_t k = 0; k < p->sum_count; k++)
        most = p->outputs[k].sums > most ? p->outputs[k].sums : most;
    int edge = 0;
    for (; before < most; edge++)
        before *= p->size[edge];
    return edge;
}

static void lay_out(const cl_device *device, const scl_node *node, layout *l)
{
    const scl_pointwise *p = node->program;
    *l = (layout){.splits = 1, .domain.stride = l->stride};
    memcpy(l->stride, p->stride, sizeof l->stride);
    memcpy(l->domain.size, p->size, sizeof p->size);
    cl_broadcast_merge(&l->domain, node->input_count, find_edge(p));
    l->inner = l->share = l->domain.size[SCL_MAX_DIMS - 1];
    l->rows = scl_pointwise_elements(p) / l->inner;
    if (p->sum_count == 0)
        return;
    l->splits = cl_sum_splits(device, l->rows, l->inner, 1);
    l->share = (l->inner + l->splits - 1) / l->splits;
    for (int32_t k = 0; k < p->sum_count; k++)
        l->finish |= p->outputs[k].sums != l->rows * l->splits;
}

static size_t pointwise_workspace(cl_device *device, const scl_node *node)
{
    layout l;
    lay_out(device, node, &l);
    size_t parts = (size_t)(node->program->sum_count * l.rows * l.splits);
    return l.finish ? parts * sizeof(cl_float) : 0;
}

static void arg_links(cl_args *args, const scl_binding *b, const layout *l)
{
    const scl_node *node = b->node;
    for (int k = 0; k < node->input_count; k++) {
        cl_arg_buffer(args, b->inputs[k]);
        cl_arg_int4(args, l->stride[k]);
    }
    for (int k = 0; k < node->output_count; k++) {
        bool sum = k < node->program->sum_count;
        cl_arg_buffer(args, sum && l->finish ? b->workspace : b->outputs[k]);
        if (sum)
            cl_arg_int(args, l->finish ? k * l->rows * l->splits : 0);
    }
}

static scl_status add_finish(cl_device *device, const scl_binding *b, const layout *l,
                             scl_launch *launch, scl_error *err)
{
    const scl_pointwise *p = b->node->program;
    size_t group = (size_t)device->tuning.group_size, most = 0;
    cl_args args = {0};
    for (int32_t k = 0; k < SCL_POINTWISE_SUMS; k++) {
        int32_t sum = k < p->sum_count ? k : 0; /* of those that are not there, no group runs */
        size_t count = (size_t)p->outputs[sum].sums;
        cl_arg_buffer(&args, b->outputs[sum]);
        cl_arg_int(&args, (int64_t)count);
        most = count > most ? count : most;
    }
    cl_arg_buffer(&args, b->workspace);
    cl_arg_int(&args, l->rows * l->splits);
    cl_work work = {.file = "shape",
                    .kernel = "finish_sums",
                    .global = {most * group, (size_t)p->sum_count},
                    .local = {group, 1}};
    return cl_launch_add(device, launch, &work, &args, err);
}

static scl_status add_program(cl_device *device, const scl_binding *b, const layout *l,
                              const char *text, scl_launch *launch, scl_error *err)
{
    bool sums = b->node->program->sum_count > 0;
    size_t each = l->splits > 1 ? 1 : cl_rows_each(device, (size_t)l->inner);
    size_t items = (size_t)device->tuning.chunk_items, across = 1;
    size_t chunks = cl_ceil_div((size_t)l->inner, (size_t)device->tuning.stretch);
    size_t down = cl_ceil_div((size_t)l->rows, each), group = (size_t)device->tuning.group_size;
    cl_args args = {0};
    arg_links(&args, b, l);
    cl_arg_int(&args, l->inner);
    cl_arg_int(&args, l->rows);
    cl_arg_int(&args, (int64_t)each);
    for (int d = 1; d < 4; d++)
        cl_arg_int(&args, l->domain.size[d]);
    if (sums) {
        cl_arg_int(&args, l->splits);
        cl_arg_int(&args, l->share);
    }
    while (across < items && across < chunks)
        across *= 2;
    cl_work values = {
        .kernel = "pointwise_values", .global = {chunks, down}, .local = {across, items / across}};
    cl_work of_sums = {.kernel = "pointwise_sums",
                       .global = {(size_t)l->splits * group, down},
                       .local = {group, 1}};
    cl_work work = sums ? of_sums : values;
    work.file = "pointwise";
    work.text = text;
    return cl_launch_add(device, launch, &work, &args, err);
}

static scl_status prepare_pointwise(cl_device *device, const scl_binding *b, scl_launch *launch,
                                    scl_error *err)
{
    layout l;
    bool steps[SCL_POINTWISE_INPUTS];
    scl_str text = {0};
    lay_out(device, b->node, &l);
    for (int k = 0; k < b->node->input_count; k++)
        steps[k] = l.stride[k][SCL_MAX_DIMS - 1] != 0;
    cl_pointwise_write(b->node, steps, &text);
    scl_status status = text.failed ? scl_out_of_memory(err, text.length, "a kernel")
                                    : add_program(device, b, &l, text.text, launch, err);
    scl_str_free(&text);
    if (status == SCL_OK && l.finish)
        status = add_finish(device, b, &l, launch, err);
    return status;
}

const cl_op cl_op_pointwise = {.prepare = prepare_pointwise, .workspace = pointwise_workspace};
