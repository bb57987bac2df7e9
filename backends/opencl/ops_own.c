/* ops_own.c — random values, and the ops that plugins bring. */
#include "opencl/opencl.h"

static scl_status prepare_random(cl_device *device, const scl_binding *b, scl_launch *launch,
                                 scl_error *err)
{
    const scl_random_attr *p = &b->node->attr.random;
    int64_t count = scl_shape_count(b->node->outputs[0]->shape);
    cl_args args = {0};
    cl_arg_buffer(&args, b->inputs[0]);
    cl_arg_buffer(&args, b->outputs[0]);
    cl_arg_long(&args, count);
    cl_arg_int(&args, (int32_t)(uint32_t)p->salt);
    cl_arg_int(&args, (int32_t)(uint32_t)(p->salt >> 32));
    cl_arg_int(&args, p->distribution == SCL_NORMAL);
    cl_work work = cl_stretch_work(device, "random", "random_values", (size_t)count);
    return cl_launch_add(device, launch, &work, &args, err);
}

/* ---- own ops */

static size_t own_workspace(cl_device *device, const scl_node *node)
{
    (void)device;
    return (size_t)node->own->workspace * sizeof(cl_float);
}

/* Whether the kernel is there, takes `args` arguments and may run in groups of `group`. */
static scl_status check_kernel(const cl_device *device, const scl_own_use *own, cl_program program,
                               const scl_own_launch *launch, int args, scl_error *err)
{
    cl_int code = CL_SUCCESS;
    cl_uint found = 0;
    size_t most = 0;
    cl_kernel kernel = clCreateKernel(program, launch->kernel, &code);
    if (code != CL_SUCCESS)
        return scl_fail(err, SCL_PLUGIN,
                        "the source of its own op %s has no usable kernel `%s`: %s", own->label,
                        launch->kernel, cl_error_name(code));
    clGetKernelInfo(kernel, CL_KERNEL_NUM_ARGS, sizeof found, &found, NULL);
    clGetKernelWorkGroupInfo(kernel, device->id, CL_KERNEL_WORK_GROUP_SIZE, sizeof most, &most,
                             NULL);
    clReleaseKernel(kernel);
    if ((int)found != args)
        return scl_fail(err, SCL_PLUGIN,
                        "kernel `%s` of its own op %s takes %u arguments, expected %d: the inputs, "
                        "the outputs, and the workspace if there is one",
                        launch->kernel, own->label, (unsigned)found, args);
    if ((size_t)launch->group > most)
        return scl_fail(err, SCL_PLUGIN,
                        "kernel `%s` of its own op %s asks for groups of %lld work-items, %s has "
                        "at most %zu: ask for fewer, or for 0",
                        launch->kernel, own->label, (long long)launch->group,
                        device->base.info.name, most);
    return SCL_OK;
}

static scl_status prepare_own(cl_device *device, const scl_binding *b, scl_launch *launch,
                              scl_error *err)
{
    const scl_own_use *own = b->node->own;
    cl_program program = NULL;
    cl_args args = {0};
    for (int i = 0; i < b->node->input_count; i++)
        cl_arg_buffer(&args, b->inputs[i]);
    for (int i = 0; i < b->node->output_count; i++)
        cl_arg_buffer(&args, b->outputs[i]);
    if (own->workspace > 0)
        cl_arg_buffer(&args, b->workspace);
    SCL_TRY(cl_program_get_own(device, own, &program, err));
    for (int i = 0; i < own->launch_count; i++) {
        const scl_own_launch *one = &own->launches[i];
        size_t group = one->group > 0 ? (size_t)one->group : (size_t)device->tuning.chunk_items;
        const cl_work work = {.file = own->label,
                              .kernel = one->kernel,
                              .program = program,
                              .global = {(size_t)one->items},
                              .local = {group}};
        SCL_TRY(check_kernel(device, own, program, one, args.count, err));
        SCL_TRY(cl_launch_add(device, launch, &work, &args, err));
    }
    return SCL_OK;
}

const cl_op cl_op_random = {.prepare = prepare_random};
const cl_op cl_op_own = {.prepare = prepare_own, .workspace = own_workspace};
