/* probe.c — what a device really does, found by running it; reports alone are not believed. */
#include "opencl/launch.h"

#include "base/log.h"
#include "opencl/buffer.h"

#define PROBE_GROUPS 3
#define PROBE_ROW    37 /* no multiple of any vector width */

/* Each group sums its row of small integers, so the answer is exact. */
static scl_status run_probe(cl_device *device, float *sums, scl_error *err)
{
    float rows[PROBE_GROUPS * PROBE_ROW];
    for (int i = 0; i < PROBE_GROUPS * PROBE_ROW; i++)
        rows[i] = (float)(i % 11 - 4);
    scl_device *base = &device->base;
    scl_buffer *in = NULL, *out = NULL;
    scl_launch *launch = scl_calloc(1, sizeof *launch);
    scl_status status = launch != NULL ? SCL_OK : scl_out_of_memory(err, 64, "a probe");
    if (status == SCL_OK)
        status = cl_buffer_create(base, sizeof rows, &in, err);
    if (status == SCL_OK)
        status = cl_buffer_create(base, PROBE_GROUPS * sizeof(float), &out, err);
    if (status == SCL_OK)
        status = cl_buffer_write(base, in, SCL_F32, 0, rows, PROBE_GROUPS * PROBE_ROW, err);
    cl_args args = {0};
    cl_arg_buffer(&args, in);
    cl_arg_buffer(&args, out);
    cl_arg_int(&args, PROBE_ROW);
    size_t group = (size_t)device->tuning.group_size;
    cl_work work = {.file = "probe",
                    .kernel = "probe_row_sums",
                    .global = {PROBE_GROUPS * group},
                    .local = {group}};
    if (status == SCL_OK)
        status = cl_launch_add(device, launch, &work, &args, err);
    if (status == SCL_OK)
        status = cl_launch_run(device, launch, err);
    if (status == SCL_OK)
        status = cl_buffer_read(base, out, SCL_F32, 0, sums, PROBE_GROUPS, err);
    cl_launch_free(launch);
    cl_buffer_release(base, in);
    cl_buffer_release(base, out);
    return status;
}

static bool works(cl_device *device, scl_error *err)
{
    float sums[PROBE_GROUPS] = {0};
    if (run_probe(device, sums, err) != SCL_OK)
        return false;
    for (int g = 0; g < PROBE_GROUPS; g++) {
        float expected = 0;
        for (int i = 0; i < PROBE_ROW; i++)
            expected += (float)((g * PROBE_ROW + i) % 11 - 4);
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
