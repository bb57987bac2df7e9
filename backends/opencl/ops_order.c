/* ops_order.c — running sums, sorting, and distances in planes. */
#include "opencl/opencl.h"

#include <stdio.h>

/* Of argsort and distance: an integer for each value. */
static size_t integers(cl_device *device, const scl_node *node)
{
    (void)device;
    return (size_t)scl_shape_count(node->outputs[0]->shape) * sizeof(cl_int);
}

/* ---- cumsum: a group per row, or a work-item per stretch of columns */

static scl_status prepare_cumsum(cl_device *device, const scl_binding *b, scl_launch *launch,
                                 scl_error *err)
{
    const scl_axis_attr *a = &b->node->attr.axis;
    size_t group = (size_t)device->tuning.group_size, outer = (size_t)a->outer;
    size_t each = cl_rows_each(device, (size_t)a->size);
    cl_args args = {0};
    cl_arg_buffer(&args, b->inputs[0]);
    cl_arg_buffer(&args, b->outputs[0]);
    cl_arg_int(&args, a->size);
    cl_arg_int(&args, a->start);
    if (a->inner > 1) {
        cl_arg_int(&args, a->inner);
        cl_work columns = cl_stretch_work(device, "shape", "cumsum_columns", (size_t)a->inner);
        columns.global[1] = outer;
        return cl_launch_add(device, launch, &columns, &args, err);
    }
    cl_arg_int(&args, a->outer);
    cl_arg_int(&args, (int64_t)each);
    cl_work rows = {.file = "shape",
                    .kernel = "cumsum_rows",
                    .global = {cl_ceil_div(outer, each) * group},
                    .local = {group}};
    return cl_launch_add(device, launch, &rows, &args, err);
}

/* ---- argsort and reorder */

#define SORT_ITEMS 256 /* on GPUs: with 16 bins each, 16 KiB of local memory */

static scl_status prepare_argsort(cl_device *device, const scl_binding *b, scl_launch *launch,
                                  scl_error *err)
{
    const scl_axis_attr *a = &b->node->attr.axis;
    size_t items = (size_t)device->tuning.group_size;
    if (items > 1)
        items = device->max_group < SORT_ITEMS ? device->max_group : SORT_ITEMS;
    char options[64];
    snprintf(options, sizeof options, "-DITEMS=%d -DBITS=%d", (int)items, items > 1 ? 4 : 11);
    cl_args args = {0};
    cl_arg_buffer(&args, b->inputs[0]);
    cl_arg_buffer(&args, b->outputs[0]);
    cl_arg_buffer(&args, b->workspace);
    cl_arg_int(&args, a->size);
    cl_work work = {.file = "sort",
                    .kernel = "argsort_rows",
                    .options = options,
                    .global = {(size_t)a->outer * items},
                    .local = {items}};
    return cl_launch_add(device, launch, &work, &args, err);
}

static scl_status prepare_reorder(cl_device *device, const scl_binding *b, scl_launch *launch,
                                  scl_error *err)
{
    const scl_axis_attr *a = &b->node->attr.axis;
    cl_args args = {0};
    cl_arg_buffer(&args, b->inputs[0]);
    cl_arg_buffer(&args, b->inputs[1]);
    cl_arg_buffer(&args, b->outputs[0]);
    cl_arg_int(&args, a->size);
    cl_arg_int(&args, a->start);
    cl_work work = cl_stretch_work(device, "shape", "reorder", (size_t)a->size);
    work.global[1] = (size_t)a->outer;
    return cl_launch_add(device, launch, &work, &args, err);
}

/* ---- distance */

static scl_status prepare_distance(cl_device *device, const scl_binding *b, scl_launch *launch,
                                   scl_error *err)
{
    const scl_axis_attr *a = &b->node->attr.axis;
    size_t each = cl_rows_each(device, (size_t)a->inner), rows = (size_t)(a->outer * a->size);
    cl_args columns = {0}, lines = {0};
    cl_arg_buffer(&columns, b->inputs[0]);
    cl_arg_buffer(&columns, b->workspace);
    cl_arg_int(&columns, a->size);
    cl_arg_int(&columns, a->inner);
    cl_work work = cl_stretch_work(device, "plane", "distance_columns", (size_t)a->inner);
    work.global[1] = (size_t)a->outer;
    SCL_TRY(cl_launch_add(device, launch, &work, &columns, err));
    cl_arg_buffer(&lines, b->workspace);
    cl_arg_buffer(&lines, b->outputs[0]);
    cl_arg_int(&lines, a->inner);
    cl_arg_int(&lines, (int64_t)rows);
    cl_arg_int(&lines, (int64_t)each);
    work.kernel = "distance_rows";
    work.global[1] = cl_ceil_div(rows, each);
    return cl_launch_add(device, launch, &work, &lines, err);
}

const cl_op cl_op_cumsum = {.prepare = prepare_cumsum};
const cl_op cl_op_argsort = {.prepare = prepare_argsort, .workspace = integers};
const cl_op cl_op_reorder = {.prepare = prepare_reorder};
const cl_op cl_op_distance = {.prepare = prepare_distance, .workspace = integers};
