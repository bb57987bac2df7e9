/* gemm_tiled.c — matrix products on GPUs, by kernels/gemm_tiled.cl. */
#include "opencl/gemm.h"

#include <stdio.h>

#define ITEMS       256 /* of a group */
#define K_SLICE     16
#define LEAST_DEPTH 64 /* of k, that a group goes through at least where k is cut */
#define MOST_PARTS  64

/* A group's tile of C, how fast it multiplies beside the largest, and into how many parts k is cut.
 */
typedef struct tiling {
    int rows, columns;
    double speed;
    size_t splits;
} tiling;

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
    static const tiling tiles[] = {{128, 128, 1, 1},  {64, 128, 0.9, 1}, {128, 64, 0.9, 1},
                                   {64, 64, 0.75, 1}, {32, 64, 0.55, 1}, {64, 32, 0.55, 1},
                                   {32, 32, 0.4, 1}};
    tiling best = tiles[0];
    double least = cost_of(device, p, best);
    for (size_t i = 0; i < sizeof tiles / sizeof *tiles; i++)
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

static scl_status prepare_tiled(cl_device *device, const scl_binding *b, scl_launch *launch,
                                scl_error *err)
{
    const scl_gemm_attr *p = &b->node->attr.gemm;
    tiling t = choose_tiling(device, p);
    size_t each = cl_ceil_div(cl_ceil_div((size_t)p->k, t.splits), K_SLICE) * K_SLICE;
    char options[128];
    snprintf(options, sizeof options, "-DTM=%d -DTN=%d -DTRANS_A=%d -DTRANS_B=%d", t.rows,
             t.columns, p->trans_a, p->trans_b);
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
    cl_work work = {.file = "gemm_tiled",
                    .kernel = "gemm_tiled",
                    .options = options,
                    .global = {cl_ceil_div((size_t)p->n, (size_t)t.columns) * ITEMS,
                               cl_ceil_div((size_t)p->m, (size_t)t.rows),
                               (size_t)p->batch * t.splits},
                    .local = {ITEMS, 1, 1}};
    SCL_TRY(cl_launch_add(device, launch, &work, &args, err));
    const cl_gemm_parts parts = {b->workspace, b->inputs[GEMM_RESIDUAL], t.splits, p->alpha};
    return t.splits == 1 ? SCL_OK : cl_gemm_epilogue(device, b, &parts, launch, err);
}

const cl_gemm_provider cl_gemm_tiled = {
    .name = "tiled", .workspace = tiled_workspace, .prepare = prepare_tiled};
