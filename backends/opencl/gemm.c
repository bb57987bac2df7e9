/* gemm.c — the GEMM op: handed to the device's provider. */
#include "opencl/gemm.h"

const cl_gemm_provider *cl_gemm_choose(const cl_device *device)
{
    static const cl_gemm_provider *const providers[] = {[CL_GEMM_PACKED] = &cl_gemm_packed,
                                                        [CL_GEMM_TILED] = &cl_gemm_tiled,
                                                        [CL_GEMM_CLBLAST] = &cl_gemm_clblast};
    return providers[device->tuning.gemm];
}

static size_t gemm_workspace(cl_device *device, const scl_node *node)
{
    return cl_gemm_choose(device)->workspace(device, &node->attr.gemm);
}

static scl_status prepare_gemm(cl_device *device, const scl_binding *b, scl_launch *launch,
                               scl_error *err)
{
    return cl_gemm_choose(device)->prepare(device, b, launch, err);
}

scl_status cl_gemm_epilogue(cl_device *device, const scl_binding *b, const cl_gemm_parts *parts,
                            scl_launch *launch, scl_error *err)
{
    const scl_gemm_attr *p = &b->node->attr.gemm;
    cl_args args = {0};
    cl_arg_buffer(&args, parts->values);
    cl_arg_buffer(&args, b->inputs[GEMM_BIAS]);
    cl_arg_buffer(&args, parts->residual);
    cl_arg_buffer(&args, b->outputs[0]);
    cl_arg_int(&args, p->batch * p->m);
    cl_arg_int(&args, p->m);
    cl_arg_int(&args, p->n);
    cl_arg_float(&args, (double)parts->alpha);
    cl_arg_int(&args, p->act);
    cl_arg_int(&args, (int64_t)parts->splits);
    cl_arg_int(&args, p->swap_rows);
    cl_arg_int(&args, p->swap_columns);
    cl_work work = {.file = "gemm_epilogue",
                    .kernel = "gemm_epilogue",
                    .global = {(size_t)p->n, (size_t)(p->batch * p->m)},
                    .local = {64, 1}};
    return cl_launch_add(device, launch, &work, &args, err);
}

const cl_op cl_op_gemm = {.prepare = prepare_gemm, .workspace = gemm_workspace};
