/* gemm_packed.c — matrix products on CPU devices, by kernels/cpu/gemm.cl. */
#include "opencl/gemm.h"

#include <math.h>
#include <stdio.h>

#define BLOCK_ROWS 192 /* of A, packed by a work-item; a multiple of every tile height */
#define FEW_ROWS   8   /* at most: B^T is read in place, once */

/* How B reaches the kernel. */
typedef enum b_form { B_PACKED, B_IN_PLACE, B_ROWS } b_form;

static b_form choose_form(const scl_gemm_attr *p)
{
    if (p->trans_b && !p->trans_a && p->m <= FEW_ROWS && p->swap_rows == 0)
        return B_ROWS;
    /* one row block passes over B once: packing it elsewhere first would only add a pass */
    return p->m <= BLOCK_ROWS ? B_IN_PLACE : B_PACKED;
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

/* What a work-item does: a block of `rows` by a run of `panels`; what the busiest core does. */
typedef struct share {
    size_t rows, panels, blocks, runs;
    double load;
} share;

/* In products of a tile with a panel: packing the tile's rows of A; packing the panel. */
#define PACK_A_COST 0.3
#define PACK_B_COST 0.5

static double load_of(const cl_device *device, const scl_gemm_attr *p, share s)
{
    size_t tile = (size_t)device->tuning.gemm_rows, tiles = cl_ceil_div((size_t)p->m, tile);
    double panel_cost = choose_form(p) == B_IN_PLACE ? PACK_B_COST : 0;
    double turns =
        (double)cl_ceil_div(s.blocks * s.runs * (size_t)p->batch, device->base.info.compute_units);
    double height = fmin((double)cl_ceil_div(s.rows, tile), (double)tiles);
    double width = (double)s.panels;
    return turns * (height * (width + PACK_A_COST) + panel_cost * width);
}

/* Of the shares with blocks of `rows`, and `best`, the one with the least load. */
static void weigh_shares(const cl_device *device, const scl_gemm_attr *p, size_t rows, share *best)
{
    size_t panels = cl_ceil_div((size_t)p->n, panel_width(device));
    size_t most = 4 * device->base.info.compute_units;
    for (size_t wanted = 1; wanted <= most && wanted <= panels; wanted++) {
        share s = {.rows = rows,
                   .panels = cl_ceil_div(panels, wanted),
                   .blocks = cl_ceil_div((size_t)p->m, rows)};
        s.runs = cl_ceil_div(panels, s.panels);
        s.load = load_of(device, p, s);
        if (s.load < best->load)
            *best = s;
    }
}

/* Blocks fit the cache; those of swapped rows divide them. */
static share choose_share(const cl_device *device, const scl_gemm_attr *p)
{
    share best = {.load = HUGE_VAL};
    size_t tile = (size_t)device->tuning.gemm_rows, least = BLOCK_ROWS / 2, swapped = 1;
    if (p->swap_rows != 0) {
        while ((size_t)p->swap_rows % swapped != 0 || (size_t)p->swap_rows / swapped > BLOCK_ROWS)
            swapped++;
        weigh_shares(device, p, (size_t)p->swap_rows / swapped, &best);
        return best;
    }
    for (size_t rows = BLOCK_ROWS; rows >= least; rows -= tile)
        weigh_shares(device, p, rows, &best);
    return best;
}

static size_t rounded_up(size_t value, size_t multiple)
{
    return cl_ceil_div(value, multiple) * multiple;
}

static void arg_operands(cl_args *args, const scl_binding *b, const scl_buffer *right)
{
    const scl_gemm_attr *p = &b->node->attr.gemm;
    cl_arg_buffer(args, b->inputs[GEMM_A]);
    cl_arg_buffer(args, right);
    cl_arg_buffer(args, b->inputs[GEMM_BIAS]);
    cl_arg_buffer(args, b->inputs[GEMM_RESIDUAL]);
    cl_arg_buffer(args, b->outputs[0]);
    cl_arg_int(args, p->m);
    cl_arg_int(args, p->n);
    cl_arg_int(args, p->k);
    cl_arg_float(args, (double)p->alpha);
    cl_arg_int(args, p->act);
}

static scl_status add_few_rows(cl_device *device, const scl_binding *b, scl_launch *launch,
                               const char *options, scl_error *err)
{
    const scl_gemm_attr *p = &b->node->attr.gemm;
    size_t wanted = cl_ceil_div(4 * (size_t)device->base.info.compute_units, (size_t)p->batch);
    size_t each = cl_ceil_div((size_t)p->n, wanted);
    cl_args args = {0};
    arg_operands(&args, b, b->inputs[GEMM_B]);
    cl_arg_int(&args, (int64_t)each);
    cl_work work = {.file = "cpu/gemm",
                    .kernel = "gemm_few_rows",
                    .options = options,
                    .global = {cl_ceil_div((size_t)p->n, each), 1, (size_t)p->batch}};
    return cl_launch_add(device, launch, &work, &args, err);
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
    if (form == B_ROWS)
        return add_few_rows(device, b, launch, options, err);
    if (form == B_PACKED)
        SCL_TRY(pack_b(device, b, launch, options, err));
    share s = choose_share(device, p);
    size_t k = (size_t)p->k, slices = cl_ceil_div(k, (size_t)depth);
    cl_args args = {0};
    arg_operands(&args, b, form == B_PACKED ? b->workspace : b->inputs[GEMM_B]);
    cl_arg_int(&args, (int64_t)s.panels);
    cl_arg_int(&args, (int64_t)s.rows);
    cl_arg_int(&args, (int64_t)rounded_up(cl_ceil_div(k, slices), 16));
    cl_arg_int(&args, p->swap_rows);
    cl_arg_int(&args, p->swap_columns);
    cl_work work = {.file = "cpu/gemm",
                    .kernel = "gemm",
                    .options = options,
                    .global = {s.runs, s.blocks, (size_t)p->batch}};
    return cl_launch_add(device, launch, &work, &args, err);
}

const cl_gemm_provider cl_gemm_packed = {
    .name = "packed", .workspace = packed_workspace, .prepare = prepare_packed};
