/* gemm_tiled.c — matrix products on GPUs, by kernels/gemm_tiled.cl, or by kernels/gemm_matrix.cl
 * where there are matrix units. */
#include "opencl/gemm.h"

#include <stdio.h>

#define K_SLICE     32 /* the deepest */
#define LEAST_DEPTH 64 /* of k, that a group goes through at least where k is cut */
#define MOST_PARTS  64

/* A group's tile of C, and a warp's part of it on matrix units; work-items; how fast it multiplies
 * beside the largest; into how many parts k is cut. */
typedef struct tiling {
    int rows, columns, warp_rows, warp_columns, items;
    double speed;
    size_t splits;
} tiling;

static const tiling plain_tiles[] = {{128, 128, 0, 0, 256, 1, 1},  {64, 128, 0, 0, 256, 0.9, 1},
                                     {128, 64, 0, 0, 256, 0.9, 1}, {64, 64, 0, 0, 256, 0.75, 1},
                                     {32, 64, 0, 0, 256, 0.55, 1}, {64, 32, 0, 0, 256, 0.55, 1},
                                     {32, 32, 0, 0, 256, 0.4, 1}};
static const tiling matrix_tiles[] = {
    {64, 64, 32, 32, 128, 1, 1},   {128, 64, 64, 32, 128, 0.95, 1}, {64, 128, 32, 64, 128, 0.95, 1},
    {32, 64, 16, 32, 128, 0.8, 1}, {64, 32, 32, 16, 128, 0.8, 1},   {32, 32, 16, 16, 128, 0.7, 1}};

#define ALONE      1.4 /* times as long: a group that shares its compute unit with no other */
#define VALUE_COST 25  /* multiplications that take as long as to write or read a value */

/* In multiplications of the busiest compute unit. */
static double cost_of(const cl_device *device, const scl_gemm_attr *p, tiling t)
{
    size_t units = device->base.info.compute_units;
    size_t groups = cl_ceil_div((size_t)p->m, (size_t)t.rows) *
                    cl_ceil_div((size_t)p->n, (size_t)t.columns) * (size_t)p->batch * t.splits;
    double each = t.rows * t.columns * (double)cl_ceil_div((size_t)p->k, t.splits) / t.speed;
    double busiest = (double)cl_ceil_div(groups, units) * each * (groups > units ? 1 : ALONE);
    double parts = t.splits > 1 ? 2 * (double)(p->batch * p->m * p->n) * (double)t.splits : 0;
    return busiest + VALUE_COST * parts / (double)units;
}

static tiling choose_tiling(const cl_device *device, const scl_gemm_attr *p)
{
    bool matrix = device->tuning.matrix_units;
    const tiling *tiles = matrix ? matrix_tiles : plain_tiles;
    size_t count =
        matrix ? sizeof matrix_tiles / sizeof *tiles : sizeof plain_tiles / sizeof *tiles;
    tiling best = tiles[0];
    double least = cost_of(device, p, best);
    for (size_t i = 0; i < count; i++)
        for (size_t splits = 1; splits <= MOST_PARTS; splits++) {
            tiling t = tiles[i];
            t.splits = splits;
            double cost = cost_of(device, p, t);
            if (cost >= least || (splits > 1 && (size_t)p->k < splits * LEAST_DEPTH))
                continue;
            best = t;
            least = cost;
        }
    return best;
}

static size_t tiled_workspace(const cl_device *device, const scl_gemm_attr *p)
{
    tiling t = choose_tiling(device, p);
    return t.splits == 1 ? 0 : (size_t)(p->batch * p->m * p->n) * t.splits * sizeof(cl_float);
}

/* Whether rows of A and B, as they lie in memory, begin at multiples of four floats. */
static bool is_aligned(const scl_gemm_attr *p)
{
    return ((p->trans_a ? p->m : p->k) | (p->trans_b ? p->k : p->n)) % 4 == 0;
}

#define OPTIONS 160 /* bytes */

static void tile_options(const scl_gemm_attr *p, tiling t, bool matrix, char options[OPTIONS])
{
    int used = snprintf(options, OPTIONS, "-DTM=%d -DTN=%d -DTRANS_A=%d -DTRANS_B=%d", t.rows,
                        t.columns, p->trans_a, p->trans_b);
    if (matrix)
        snprintf(options + used, OPTIONS - (size_t)used, " -DWM=%d -DWN=%d -DRUN=%d", t.warp_rows,
                 t.warp_columns, is_aligned(p) ? 4 : 1);
}

static scl_status prepare_tiled(cl_device *device, const scl_binding *b, scl_launch *launch,
                                scl_error *err)
{
    const scl_gemm_attr *p = &b->node->attr.gemm;
    bool matrix = device->tuning.matrix_units;
    tiling t = choose_tiling(device, p);
    size_t each = cl_ceil_div(cl_ceil_div((size_t)p->k, t.splits), K_SLICE) * K_SLICE;
    char options[OPTIONS];
    tile_options(p, t, matrix, options);
    cl_args args = {0};
    cl_arg_buffer(&args, b->inputs[GEMM_A]);
    cl_arg_buffer(&args, b->inputs[GEMM_B]);
    cl_arg_buffer(&args, b->inputs[GEMM_BIAS]);
    cl_arg_buffer(&args, b->inputs[GEMM_RESIDUAL]);
    cl_arg_buffer(&args, b->outputs[0]);
    cl_arg_buffer(&args, b->workspace);
    cl_arg_int(&args, p->m);
    cl_arg_int(&args, p->n);
    cl_arg_int(&args, p->k);
    cl_arg_float(&args, (double)p->alpha);
    cl_arg_int(&args, p->act);
    cl_arg_int(&args, (int64_t)t.splits);
    cl_arg_int(&args, (int64_t)each);
    cl_arg_int(&args, p->swap_rows);
    cl_arg_int(&args, p->swap_columns);
    cl_work work = {.file = matrix ? "gemm_matrix" : "gemm_tiled",
                    .kernel = matrix ? "gemm_matrix" : "gemm_tiled",
                    .options = options,
                    .global = {cl_ceil_div((size_t)p->n, (size_t)t.columns) * (size_t)t.items,
                               cl_ceil_div((size_t)p->m, (size_t)t.rows),
                               (size_t)p->batch * t.splits},
                    .local = {(size_t)t.items, 1, 1}};
    SCL_TRY(cl_launch_add(device, launch, &work, &args, err));
    const cl_gemm_parts parts = {b->workspace, b->inputs[GEMM_RESIDUAL], t.splits, p->alpha};
    return t.splits == 1 ? SCL_OK : cl_gemm_epilogue(device, b, &parts, launch, err);
}

const cl_gemm_provider cl_gemm_tiled = {
    .name = "tiled", .workspace = tiled_workspace, .prepare = prepare_tiled};
