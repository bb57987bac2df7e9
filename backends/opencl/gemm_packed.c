/* gemm_packed.c — matrix products on CPU devices, by kernels/cpu/gemm.cl. */
#include "opencl/gemm.h"

#include <stdio.h>

#define BLOCK_ROWS 96 /* of A, packed privately by a work-item; a multiple of every tile height */
#define FEW_ROWS   8  /* below: B^T is read in place, once */

/* How B reaches the kernel. */
typedef enum b_form { B_PACKED, B_IN_PLACE, B_ROWS } b_form;

static b_form choose_form(const scl_gemm_attr *p)
{
    if (p->trans_b && !p->trans_a && p->m <= FEW_ROWS)
        return B_ROWS;
    /* one row block passes over B once: packing it elsewhere first would only add a pass */
    return !p->trans_b && p->m <= BLOCK_ROWS ? B_IN_PLACE : B_PACKED;
}

static size_t panel_width(const cl_device *device)
{
    return 2 * (size_t)device->tuning.vector_width;
}

static size_t packed_workspace(const cl_device *device, const scl_gemm_attr *p)
{
    if (choose_form(p) != B_PACKED)
        return 0;
    size_t panels = cl_ceil_div((size_t)p->n, panel_width(device));
    return (size_t)p->batch * panels * panel_width(device) * (size_t)p->k * sizeof(cl_float);
}

static scl_status pack_b(cl_device *device, const scl_binding *b, scl_launch *launch,
                         const char *options, scl_error *err)
{
    const scl_gemm_attr *p = &b->node->attr.gemm;
    cl_args args = {0};
    cl_arg_buffer(&args, b->inputs[GEMM_B]);
    cl_arg_buffer(&args, b->workspace);
    cl_arg_int(&args, p->n);
    cl_arg_int(&args, p->k);
    size_t slices = cl_ceil_div((size_t)p->k, (size_t)device->tuning.gemm_k_block);
    cl_work work = {
        .file = "cpu/gemm",
        .kernel = "pack_b",
        .options = options,
        .global = {cl_ceil_div((size_t)p->n, panel_width(device)), slices, (size_t)p->batch}};
    return cl_launch_add(device, launch, &work, &args, err);
}

/* Columns are shared out only as far as row blocks do not already keep every core busy. */
static size_t column_groups(const cl_device *device, const scl_gemm_attr *p, size_t units)
{
    size_t blocks = cl_ceil_div((size_t)p->m, BLOCK_ROWS) * (size_t)p->batch;
    size_t wanted = cl_ceil_div(4 * (size_t)device->base.info.compute_units, blocks);
    return wanted < units ? wanted : units;
}

static scl_status prepare_packed(cl_device *device, const scl_binding *b, scl_launch *launch,
                                 scl_error *err)
{
    const scl_gemm_attr *p = &b->node->attr.gemm;
    b_form form = choose_form(p);
    int rows = device->tuning.gemm_rows, depth = device->tuning.gemm_k_block;
    char options[128];
    snprintf(options, sizeof options,
             "-DMR=%d -DTILES=%d -DKC=%d -DTRANS_A=%d -DTRANS_B=%d "
             "-DB_DIRECT=%d",
             rows, BLOCK_ROWS / rows, depth, p->trans_a, p->trans_b, form == B_IN_PLACE);
    if (form == B_PACKED)
        SCL_TRY(pack_b(device, b, launch, options, err));
    size_t units = form == B_ROWS ? (size_t)p->n : cl_ceil_div((size_t)p->n, panel_width(device));
    size_t groups = column_groups(device, p, units), each = cl_ceil_div(units, groups);
    cl_args args = {0};
    cl_arg_buffer(&args, b->inputs[GEMM_A]);
    cl_arg_buffer(&args, form == B_PACKED ? b->workspace : b->inputs[GEMM_B]);
    cl_arg_buffer(&args, b->inputs[GEMM_BIAS]);
    cl_arg_buffer(&args, b->inputs[GEMM_RESIDUAL]);
    cl_arg_buffer(&args, b->outputs[0]);
    cl_arg_int(&args, p->m);
    cl_arg_int(&args, p->n);
    cl_arg_int(&args, p->k);
    cl_arg_float(&args, (double)p->alpha);
    cl_arg_int(&args, p->act);
    cl_arg_int(&args, (int64_t)each);
    size_t blocks = form == B_ROWS ? 1 : cl_ceil_div((size_t)p->m, BLOCK_ROWS);
    cl_work work = {.file = "cpu/gemm",
                    .kernel = form == B_ROWS ? "gemm_few_rows" : "gemm",
                    .options = options,
                    .global = {cl_ceil_div(units, each), blocks, (size_t)p->batch}};
    return cl_launch_add(device, launch, &work, &args, err);
}

const cl_gemm_provider cl_gemm_packed = {
    .name = "packed", .workspace = packed_workspace, .prepare = prepare_packed};
