/* ops_shape.c — sums along axes, copies of ranges, and image patches. */
#include "opencl/opencl.h"

#include <stdio.h>

/* ---- sum: in one pass, or as `splits` partial sums and a second pass over them */

static size_t sum_workspace(cl_device *device, const scl_node *node)
{
    const scl_axis_attr *a = &node->attr.axis;
    int64_t splits = cl_sum_splits(device, a->outer, a->size, a->inner);
    return splits > 1 ? (size_t)(a->outer * splits * a->inner) * sizeof(cl_float) : 0;
}

static scl_status add_sum(cl_device *device, scl_launch *launch, const scl_buffer *in,
                          const scl_buffer *out, const scl_axis_attr *a, int64_t splits,
                          scl_error *err)
{
    int64_t share = (a->size + splits - 1) / splits;
    size_t group = (size_t)device->tuning.group_size, items = (size_t)device->tuning.chunk_items;
    size_t each = splits > 1 ? 1 : cl_rows_each(device, (size_t)a->size);
    size_t chunks = cl_ceil_div((size_t)a->inner, (size_t)device->tuning.stretch);
    cl_args args = {0};
    cl_arg_buffer(&args, in);
    cl_arg_buffer(&args, out);
    cl_arg_int(&args, a->size);
    if (a->inner > 1)
        cl_arg_int(&args, a->inner);
    cl_arg_int(&args, splits);
    cl_arg_int(&args, share);
    if (a->inner == 1) {
        cl_arg_int(&args, a->outer);
        cl_arg_int(&args, (int64_t)each);
    }
    cl_work columns = {.file = "shape",
                       .kernel = "sum_columns",
                       .global = {chunks, (size_t)splits, (size_t)a->outer},
                       .local = {chunks < items ? chunks : items, 1, 1}};
    cl_work rows = {.file = "shape",
                    .kernel = "sum_rows",
                    .global = {(size_t)splits * group, cl_ceil_div((size_t)a->outer, each)},
                    .local = {group, 1}};
    return cl_launch_add(device, launch, a->inner > 1 ? &columns : &rows, &args, err);
}

static scl_status prepare_sum(cl_device *device, const scl_binding *b, scl_launch *launch,
                              scl_error *err)
{
    scl_axis_attr a = b->node->attr.axis;
    int64_t splits = cl_sum_splits(device, a.outer, a.size, a.inner);
    if (splits == 1)
        return add_sum(device, launch, b->inputs[0], b->outputs[0], &a, 1, err);
    SCL_TRY(add_sum(device, launch, b->inputs[0], b->workspace, &a, splits, err));
    a.size = splits;
    return add_sum(device, launch, b->workspace, b->outputs[0], &a, 1, err);
}

/* ---- copies of runs */

/* Runs of values, a row after the other: `run` values from in_start in the input's row go to
 * out_start in the output's, with zeros around them so that `across` values are written. */
typedef struct run_copy {
    int64_t rows, run, in_start, in_step, out_start, out_step, before, across;
} run_copy;

static scl_status add_copy(cl_device *device, scl_launch *launch, const scl_buffer *in,
                           const scl_buffer *out, const run_copy *c, scl_error *err)
{
    size_t across = (size_t)c->across, items = (size_t)device->tuning.chunk_items;
    size_t each = cl_rows_each(device, across);
    cl_args args = {0};
    cl_arg_buffer(&args, in);
    cl_arg_buffer(&args, out);
    cl_arg_long(&args, c->in_start);
    cl_arg_long(&args, c->in_step);
    cl_arg_long(&args, c->out_start);
    cl_arg_long(&args, c->out_step);
    cl_arg_long(&args, c->before);
    cl_arg_long(&args, c->run);
    cl_arg_long(&args, c->across);
    cl_arg_long(&args, c->rows);
    cl_arg_int(&args, (int64_t)each);
    cl_work work = {.file = "shape",
                    .kernel = "copy_runs",
                    .global = {cl_ceil_div(across, (size_t)device->tuning.stretch),
                               cl_ceil_div((size_t)c->rows, each)},
                    .local = {items, 1}};
    return cl_launch_add(device, launch, &work, &args, err);
}

static scl_status prepare_slice(cl_device *device, const scl_binding *b, scl_launch *launch,
                                scl_error *err)
{
    const scl_axis_attr *a = &b->node->attr.axis;
    int64_t run = a->count * a->inner;
    run_copy copy = {.rows = a->outer,
                     .run = run,
                     .in_start = a->start * a->inner,
                     .in_step = a->size * a->inner,
                     .out_step = run,
                     .across = run};
    return add_copy(device, launch, b->inputs[0], b->outputs[0], &copy, err);
}

static scl_status prepare_pad(cl_device *device, const scl_binding *b, scl_launch *launch,
                              scl_error *err)
{
    const scl_axis_attr *a = &b->node->attr.axis;
    run_copy copy = {.rows = a->outer,
                     .run = a->size * a->inner,
                     .in_step = a->size * a->inner,
                     .out_step = a->count * a->inner,
                     .before = a->start * a->inner,
                     .across = a->count * a->inner};
    return add_copy(device, launch, b->inputs[0], b->outputs[0], &copy, err);
}

static scl_status prepare_swap(cl_device *device, const scl_binding *b, scl_launch *launch,
                               scl_error *err)
{
    const scl_axis_attr *a = &b->node->attr.axis;
    int64_t values = a->outer * a->size * a->count * a->inner;
    cl_args args = {0};
    cl_arg_buffer(&args, b->inputs[0]);
    cl_arg_buffer(&args, b->outputs[0]);
    cl_arg_int(&args, a->size);
    cl_arg_int(&args, a->count);
    cl_arg_int(&args, a->inner);
    cl_arg_long(&args, values);
    cl_work work = cl_stretch_work(device, "shape", "swap", (size_t)values);
    return cl_launch_add(device, launch, &work, &args, err);
}

static scl_status prepare_concat(cl_device *device, const scl_binding *b, scl_launch *launch,
                                 scl_error *err)
{
    const scl_axis_attr *a = &b->node->attr.axis;
    int64_t start = 0;
    for (int i = 0; i < b->node->input_count; i++) {
        int64_t run = b->node->inputs[i]->shape.dim[a->axis] * a->inner;
        run_copy copy = {.rows = a->outer,
                         .run = run,
                         .in_step = run,
                         .out_start = start,
                         .out_step = a->size * a->inner,
                         .across = run};
        SCL_TRY(add_copy(device, launch, b->inputs[i], b->outputs[0], &copy, err));
        start += run;
    }
    return SCL_OK;
}

/* ---- patches */

static void arg_patches(cl_args *args, const scl_binding *b, const scl_shape *patches)
{
    const scl_patch_attr *p = &b->node->attr.patch;
    cl_arg_buffer(args, b->inputs[0]);
    cl_arg_buffer(args, b->outputs[0]);
    cl_arg_int(args, p->height);
    cl_arg_int(args, p->width);
    cl_arg_int(args, p->channels);
    cl_arg_int(args, patches->dim[1]);
    cl_arg_int(args, patches->dim[2]);
    cl_arg_int(args, p->pad);
}

static bool each_pixel_once(const scl_patch_attr *p)
{
    return p->kernel == p->stride && p->pad == 0 && p->height % p->kernel == 0 &&
           p->width % p->kernel == 0;
}

/* Work-items (channel, position, image), or on CPU devices (band, image) with `band` rows each. */
static scl_status add_patch(cl_device *device, const scl_binding *b, scl_launch *launch,
                            const char *kernel, size_t channels, size_t positions, size_t bands,
                            const cl_args *args, scl_error *err)
{
    const scl_patch_attr *p = &b->node->attr.patch;
    size_t items = (size_t)device->tuning.chunk_items,
           batch = (size_t)b->node->inputs[0]->shape.dim[0];
    char options[64];
    snprintf(options, sizeof options, "-DK=%d -DSTRIDE=%d -DCOVERS=%d", (int)p->kernel,
             (int)p->stride, each_pixel_once(p));
    cl_work generic = {.file = "patch",
                       .kernel = kernel,
                       .options = options,
                       .global = {channels, positions, batch},
                       .local = {channels < items ? channels : items, 1, 1}};
    cl_work cpu = {
        .file = "cpu/patch", .kernel = kernel, .options = options, .global = {bands, batch}};
    return cl_launch_add(device, launch, device->tuning.cpu_kernels ? &cpu : &generic, args, err);
}

static scl_status prepare_im2col(cl_device *device, const scl_binding *b, scl_launch *launch,
                                 scl_error *err)
{
    const scl_shape *patches = &b->node->outputs[0]->shape;
    cl_args args = {0};
    arg_patches(&args, b, patches);
    return add_patch(device, b, launch, "im2col", (size_t)b->node->attr.patch.channels,
                     (size_t)(patches->dim[1] * patches->dim[2]), (size_t)patches->dim[1], &args,
                     err);
}

/* Patches that overlap two bands are read twice, so bands are as high as leaves work for all. */
static size_t band_rows(const cl_device *device, const scl_patch_attr *p, int64_t batch)
{
    if (each_pixel_once(p))
        return (size_t)p->kernel;
    size_t rows =
        cl_ceil_div((size_t)(p->height * batch), 4 * (size_t)device->base.info.compute_units);
    return rows > 4 * (size_t)p->kernel ? rows : 4 * (size_t)p->kernel;
}

static scl_status prepare_col2im(cl_device *device, const scl_binding *b, scl_launch *launch,
                                 scl_error *err)
{
    const scl_patch_attr *p = &b->node->attr.patch;
    const scl_shape *patches = &b->node->inputs[0]->shape;
    size_t band = band_rows(device, p, patches->dim[0]);
    cl_args args = {0};
    arg_patches(&args, b, patches);
    if (device->tuning.cpu_kernels)
        cl_arg_int(&args, (int64_t)band);
    return add_patch(device, b, launch, "col2im", (size_t)p->channels,
                     (size_t)(p->height * p->width), cl_ceil_div((size_t)p->height, band), &args,
                     err);
}

const cl_op cl_op_sum = {.prepare = prepare_sum, .workspace = sum_workspace};
const cl_op cl_op_swap = {.prepare = prepare_swap};
const cl_op cl_op_slice = {.prepare = prepare_slice};
const cl_op cl_op_pad = {.prepare = prepare_pad};
const cl_op cl_op_concat = {.prepare = prepare_concat};
const cl_op cl_op_im2col = {.prepare = prepare_im2col};
const cl_op cl_op_col2im = {.prepare = prepare_col2im};
