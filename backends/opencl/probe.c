/* probe.c — what a device really does, found by running it; reports alone are not believed. */
#include "opencl/launch.h"

#include "base/log.h"
#include "opencl/buffer.h"

#include <math.h>

/* A kernel (in, out, n), with what it is given and what it gives. */
typedef struct probe {
    const char *file, *kernel;
    size_t groups, group, in_count, out_count;
    const float *in;
    float *out;
    int n;
} probe;

static scl_status run_probe(cl_device *device, const probe *p, scl_error *err)
{
    scl_device *base = &device->base;
    scl_buffer *in = NULL, *out = NULL;
    scl_launch *launch = scl_calloc(1, sizeof *launch);
    scl_status status = launch != NULL ? SCL_OK : scl_out_of_memory(err, 64, "a probe");
    if (status == SCL_OK)
        status = cl_buffer_create(base, p->in_count * sizeof(float), &in, err);
    if (status == SCL_OK)
        status = cl_buffer_create(base, p->out_count * sizeof(float), &out, err);
    if (status == SCL_OK)
        status = cl_buffer_write(base, in, SCL_F32, 0, p->in, p->in_count, err);
    cl_args args = {0};
    cl_arg_buffer(&args, in);
    cl_arg_buffer(&args, out);
    cl_arg_int(&args, p->n);
    cl_work work = {.file = p->file,
                    .kernel = p->kernel,
                    .global = {p->groups * p->group},
                    .local = {p->group}};
    if (status == SCL_OK)
        status = cl_launch_add(device, launch, &work, &args, err);
    if (status == SCL_OK)
        status = cl_launch_run(device, launch, err);
    if (status == SCL_OK)
        status = cl_buffer_read(base, out, SCL_F32, 0, p->out, p->out_count, err);
    cl_launch_free(launch);
    cl_buffer_release(base, in);
    cl_buffer_release(base, out);
    return status;
}

/* ------------------------------------------------------------------ every kernel's needs */

#define PROBE_GROUPS 3
#define PROBE_ROW    37 /* no multiple of any vector width */

/* Each group sums its row of small integers, so the answer is exact. */
static bool works(cl_device *device, scl_error *err)
{
    float rows[PROBE_GROUPS * PROBE_ROW], sums[PROBE_GROUPS] = {0};
    for (int i = 0; i < PROBE_GROUPS * PROBE_ROW; i++)
        rows[i] = (float)(i % 11 - 4);
    const probe p = {.file = "probe",
                     .kernel = "probe_row_sums",
                     .groups = PROBE_GROUPS,
                     .group = (size_t)device->tuning.group_size,
                     .in = rows,
                     .in_count = PROBE_GROUPS * PROBE_ROW,
                     .out = sums,
                     .out_count = PROBE_GROUPS,
                     .n = PROBE_ROW};
    if (run_probe(device, &p, err) != SCL_OK)
        return false;
    for (int g = 0; g < PROBE_GROUPS; g++) {
        float expected = 0;
        for (int i = 0; i < PROBE_ROW; i++)
            expected += rows[g * PROBE_ROW + i];
        if (sums[g] != expected) {
            scl_fail(err, SCL_DEVICE, "a sum that should be %g came out as %g", (double)expected,
                     (double)sums[g]);
            return false;
        }
    }
    return true;
}

scl_status cl_probe(cl_device *device, scl_error *err)
{
    scl_error first = {0};
    if (works(device, &first))
        return SCL_OK;
    scl_log_fallback("%s fails with groups of %d and vectors of %d (%s); trying groups of 1 and "
                     "vectors of 4",
                     device->base.info.name, device->tuning.group_size, device->tuning.vector_width,
                     first.text);
    device->tuning.group_size = 1;
    device->tuning.vector_width = 4;
    device->tuning.gemm_rows = device->tuning.cpu_kernels ? 4 : 0;
    return works(device, err) ? SCL_OK : SCL_DEVICE;
}

bool cl_probe_addresses(cl_device *device)
{
    scl_error err = {0};
    device->tuning.addresses = true;
    bool right = works(device, &err);
    device->tuning.addresses = false;
    if (!right)
        scl_log_fallback("kernels of %s are given memory objects, not addresses: %s",
                         device->base.info.name, err.text);
    return right;
}

/* ------------------------------------------------------------------ matrix units */

#define MMA_ROWS  16
#define MMA_SIDE  8    /* columns of A, rows and columns of B */
#define MMA_ERROR 1e-6 /* of the largest; TF32 alone is off by 1e-4 */

static bool products_are_right(const float *a, const float *b, const float *c)
{
    double largest = 0, worst = 0;
    for (int i = 0; i < MMA_ROWS; i++)
        for (int j = 0; j < MMA_SIDE; j++) {
            double sum = 0;
            for (int k = 0; k < MMA_SIDE; k++)
                sum += (double)a[i * MMA_SIDE + k] * (double)b[k * MMA_SIDE + j];
            largest = fmax(largest, fabs(sum));
            worst = fmax(worst, fabs(sum - (double)c[i * MMA_SIDE + j]));
        }
    return worst <= MMA_ERROR * largest; /* not so with NaN */
}

bool cl_probe_matrix_units(cl_device *device)
{
    float ab[(MMA_ROWS + MMA_SIDE) * MMA_SIDE], c[MMA_ROWS * MMA_SIDE] = {0};
    for (int i = 0; i < (MMA_ROWS + MMA_SIDE) * MMA_SIDE; i++)
        ab[i] = sinf(1.0f + 1.7f * (float)i);
    const probe p = {.file = "probe_mma",
                     .kernel = "probe_mma",
                     .groups = 1,
                     .group = CL_WARP,
                     .in = ab,
                     .in_count = sizeof ab / sizeof *ab,
                     .out = c,
                     .out_count = sizeof c / sizeof *c,
                     .n = MMA_SIDE};
    scl_error err = {0};
    bool ran = run_probe(device, &p, &err) == SCL_OK;
    if (ran && products_are_right(ab, ab + MMA_ROWS * MMA_SIDE, c))
        return true;
    scl_log_fallback("the matrix units of %s are not used: %s", device->base.info.name,
                     ran ? "their products are wrong" : err.text);
    return false;
}
