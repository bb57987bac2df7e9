/* gemm_clblast.c — matrix products by CLBlast, and the epilogue in a kernel of ours.
 *
 * Batches are separate calls: CLBlast's strided batches ignore strides in some of its paths. */
#include "opencl/gemm.h"

#include <clblast_c.h>

typedef struct clblast_call {
    scl_gemm_attr attr;
    cl_mem a, b, residual, c;
} clblast_call;

static scl_status run_clblast(cl_device *device, void *state, scl_error *err)
{
    const clblast_call *call = state;
    const scl_gemm_attr *p = &call->attr;
    size_t m = (size_t)p->m, n = (size_t)p->n, k = (size_t)p->k;
    if (call->residual != NULL && call->residual != call->c)
        SCL_CL(err, clEnqueueCopyBuffer(device->queue, call->residual, call->c, 0, 0,
                                        (size_t)p->batch * m * n * sizeof(float), 0, NULL, NULL));
    for (size_t i = 0; i < (size_t)p->batch; i++) {
        CLBlastStatusCode code = CLBlastSgemm(
            CLBlastLayoutRowMajor, p->trans_a ? CLBlastTransposeYes : CLBlastTransposeNo,
            p->trans_b ? CLBlastTransposeYes : CLBlastTransposeNo, m, n, k, p->alpha, call->a,
            i * m * k, p->trans_a ? m : k, call->b, i * k * n, p->trans_b ? k : n,
            call->residual != NULL ? 1.0f : 0.0f, call->c, i * m * n, n, &device->queue, NULL);
        if (code != CLBlastSuccess)
            return scl_fail(err, SCL_DEVICE, "CLBlastSgemm of %zu x %zu x %zu failed with code %d",
                            m, n, k, (int)code);
    }
    return SCL_OK;
}

/* What is stored with swapped axes passes through the epilogue. */
static size_t clblast_workspace(const cl_device *device, const scl_gemm_attr *p)
{
    (void)device;
    return p->swap_rows == 0 ? 0 : (size_t)(p->batch * p->m * p->n) * sizeof(cl_float);
}

static scl_status prepare_clblast(cl_device *device, const scl_binding *b, scl_launch *launch,
                                  scl_error *err)
{
    const scl_gemm_attr *p = &b->node->attr.gemm;
    bool swapped = p->swap_rows != 0, late = swapped || scl_act_is_backward(p->act);
    const scl_buffer *residual = late ? NULL : b->inputs[GEMM_RESIDUAL];
    const scl_buffer *product = swapped ? b->workspace : b->outputs[0];
    clblast_call *call = scl_calloc(1, sizeof *call);
    if (call == NULL)
        return scl_out_of_memory(err, sizeof *call, "a matrix product");
    *call = (clblast_call){.attr = *p,
                           .a = b->inputs[GEMM_A]->mem,
                           .b = b->inputs[GEMM_B]->mem,
                           .residual = residual != NULL ? residual->mem : NULL,
                           .c = product->mem};
    SCL_TRY(cl_launch_add_call(launch, "CLBlastSgemm", run_clblast, call, err));
    bool finished = b->inputs[GEMM_BIAS] == NULL && p->act == SCL_ACT_NONE && !swapped;
    const cl_gemm_parts parts = {product, late ? b->inputs[GEMM_RESIDUAL] : NULL, 1, 1};
    return finished ? SCL_OK : cl_gemm_epilogue(device, b, &parts, launch, err);
}

const cl_gemm_provider cl_gemm_clblast = {
    .name = "clblast", .workspace = clblast_workspace, .prepare = prepare_clblast};
