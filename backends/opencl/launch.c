/* launch.c — a node as kernels ready to enqueue: one cl_kernel object per use, arguments set once.
 */
#include "opencl/launch.h"

#include "opencl/timing.h"

#include <stdio.h>

#define MIN_SHARE 1024 /* values one group sums at least, before a sum is split */

void cl_arg_buffer(cl_args *args, const scl_buffer *buffer)
{
    args->failed |= args->count >= CL_ARGS_MAX;
    if (args->failed)
        return;
    args->arg[args->count].size = sizeof(cl_mem);
    args->arg[args->count].is_buffer = true;
    args->arg[args->count].is_address = buffer != NULL && buffer->address != NULL;
    if (args->arg[args->count].is_address)
        args->arg[args->count].value.address = buffer->address;
    else
        args->arg[args->count].value.mem = buffer != NULL ? buffer->mem : NULL;
    args->count++;
}

void cl_arg_int(cl_args *args, int64_t value)
{
    args->failed |= args->count >= CL_ARGS_MAX || value > INT32_MAX || value < INT32_MIN;
    if (args->failed)
        return;
    args->arg[args->count].size = sizeof(cl_int);
    args->arg[args->count++].value.i32 = (cl_int)value;
}

void cl_arg_int4(cl_args *args, const int64_t values[4])
{
    args->failed |= args->count >= CL_ARGS_MAX;
    for (int i = 0; i < 4; i++)
        args->failed |= values[i] > INT32_MAX || values[i] < INT32_MIN;
    if (args->failed)
        return;
    args->arg[args->count].size = sizeof(cl_int4);
    for (int i = 0; i < 4; i++)
        args->arg[args->count].value.i32x4.s[i] = (cl_int)values[i];
    args->count++;
}

void cl_arg_long(cl_args *args, int64_t value)
{
    args->failed |= args->count >= CL_ARGS_MAX;
    if (args->failed)
        return;
    args->arg[args->count].size = sizeof(cl_long);
    args->arg[args->count++].value.i64 = value;
}

void cl_arg_float(cl_args *args, double value)
{
    args->failed |= args->count >= CL_ARGS_MAX;
    if (args->failed)
        return;
    args->arg[args->count].size = sizeof(cl_float);
    args->arg[args->count++].value.f32 = (cl_float)value;
}

static scl_status add_step(scl_launch *launch, const cl_step *step, scl_error *err)
{
    if (!SCL_GROW(launch->steps, launch->count, launch->capacity))
        return scl_out_of_memory(err, sizeof *step, "a launch");
    launch->steps[launch->count++] = *step;
    return SCL_OK;
}

static scl_status set_args(cl_kernel kernel, const cl_args *args, scl_error *err)
{
    for (int i = 0; i < args->count; i++) {
        if (args->arg[i].is_address) {
            SCL_CL(err, clSetKernelArgSVMPointer(kernel, (cl_uint)i, args->arg[i].value.address));
            continue;
        }
        bool null_buffer = args->arg[i].is_buffer && args->arg[i].value.mem == NULL;
        const void *value = null_buffer ? NULL : (const void *)&args->arg[i].value;
        SCL_CL(err, clSetKernelArg(kernel, (cl_uint)i, args->arg[i].size, value));
    }
    return SCL_OK;
}

scl_status cl_launch_add(cl_device *device, scl_launch *launch, const cl_work *work,
                         const cl_args *args, scl_error *err)
{
    if (args->failed)
        return scl_fail(err, SCL_DEVICE, "%s: a size does not fit the kernel's 32-bit arguments",
                        work->kernel);
    cl_program program = work->program;
    if (program == NULL)
        SCL_TRY(cl_program_get(device, work->file, work->text, work->options, &program, err));
    cl_step step = {0};
    snprintf(step.name, sizeof step.name, "%s", work->kernel);
    for (; step.dims < 3 && work->global[step.dims] != 0; step.dims++) {
        size_t local = work->local[step.dims] != 0 ? work->local[step.dims] : 1;
        step.local[step.dims] = local;
        step.global[step.dims] = cl_ceil_div(work->global[step.dims], local) * local;
    }
    cl_int code = CL_SUCCESS;
    step.kernel = clCreateKernel(program, work->kernel, &code);
    if (code != CL_SUCCESS)
        return scl_fail(err, SCL_DEVICE, "kernel %s of %s.cl cannot be made: %s", work->kernel,
                        work->file, cl_error_name(code));
    scl_status status = set_args(step.kernel, args, err);
    if (status == SCL_OK)
        status = add_step(launch, &step, err);
    if (status != SCL_OK) {
        scl_error_prefix(err, "kernel %s", work->kernel);
        clReleaseKernel(step.kernel);
    }
    return status;
}

cl_work cl_stretch_work(const cl_device *device, const char *file, const char *kernel, size_t count)
{
    return (cl_work){.file = file,
                     .kernel = kernel,
                     .global = {cl_ceil_div(count, (size_t)device->tuning.stretch)},
                     .local = {(size_t)device->tuning.chunk_items}};
}

size_t cl_rows_each(const cl_device *device, size_t row)
{
    size_t stretch = (size_t)device->tuning.stretch;
    return device->tuning.cpu_kernels && row < stretch ? stretch / row : 1;
}

/* Enough pieces to keep the device busy when there are few outputs, and none of them empty: 10 rows
 * in 4 shares of 3 leave the last with 1. */
int64_t cl_sum_splits(const cl_device *device, int64_t outer, int64_t size, int64_t inner)
{
    int64_t group = device->tuning.stretch * device->tuning.chunk_items;
    int64_t groups = inner > 1 ? (inner + group - 1) / group : 1;
    int64_t wanted = 4 * (int64_t)device->base.info.compute_units / (outer * groups);
    int64_t possible = size * inner / MIN_SHARE, splits = wanted < possible ? wanted : possible;
    splits = splits < 1 ? 1 : splits > size ? size : splits;
    int64_t share = (size + splits - 1) / splits;
    return (size + share - 1) / share;
}

scl_status cl_launch_add_call(scl_launch *launch, const char *name, cl_call call, void *state,
                              scl_error *err)
{
    cl_step step = {.call = call, .state = state};
    snprintf(step.name, sizeof step.name, "%s", name);
    scl_status status = add_step(launch, &step, err);
    if (status != SCL_OK)
        scl_free(state);
    return status;
}

static scl_status run_call(cl_device *device, const cl_step *step, scl_error *err)
{
    cl_timing_call_begin(device, step->name);
    scl_status status = step->call(device, step->state, err);
    cl_timing_call_end(device);
    return status;
}

scl_status cl_launch_run(cl_device *device, const scl_launch *launch, scl_error *err)
{
    cl_timing_launch(device, launch->node);
    for (size_t i = 0; i < launch->count; i++) {
        const cl_step *step = &launch->steps[i];
        if (step->call != NULL)
            SCL_TRY(run_call(device, step, err));
        else
            SCL_CL(err, clEnqueueNDRangeKernel(device->queue, step->kernel, step->dims, NULL,
                                               step->global, step->local, 0, NULL,
                                               cl_timing_kernel(device, step->name)));
    }
    return SCL_OK;
}

void cl_launch_clear(scl_launch *launch)
{
    for (size_t i = 0; i < launch->count; i++) {
        if (launch->steps[i].kernel != NULL)
            clReleaseKernel(launch->steps[i].kernel);
        scl_free(launch->steps[i].state);
    }
    scl_free(launch->steps);
    *launch = (scl_launch){0};
}

void cl_launch_free(scl_launch *launch)
{
    if (launch != NULL)
        cl_launch_clear(launch);
    scl_free(launch);
}
