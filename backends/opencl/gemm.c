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

const cl_op cl_op_gemm = {.prepare = prepare_gemm, .workspace = gemm_workspace};
