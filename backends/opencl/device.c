/* device.c — OpenCL devices: what they report, how they are driven, and the backend table. */
#include "opencl/device.h"

#include "opencl/buffer.h"
#include "opencl/launch.h"
#include "opencl/timing.h"

#include "base/log.h"

#include <stdio.h>
#include <string.h>

#define TEXT_MAX    2048 /* OpenCL gives a text whole or not at all */
#define TILED_GROUP 256  /* work-items of a group of kernels/gemm_tiled.cl */
#define CPU_STRETCH 2048 /* starting a work-item costs as much as some hundred floats */

static void keep_text(cl_int code, const char *whole, char *text, size_t size)
{
    snprintf(text, size, "%s", code == CL_SUCCESS ? whole : "?");
}

static void device_text(cl_device_id id, cl_device_info what, char *text, size_t size)
{
    char whole[TEXT_MAX] = "";
    keep_text(clGetDeviceInfo(id, what, sizeof whole, whole, NULL), whole, text, size);
}

static void platform_text(cl_platform_id id, cl_platform_info what, char *text, size_t size)
{
    char whole[TEXT_MAX] = "";
    keep_text(clGetPlatformInfo(id, what, sizeof whole, whole, NULL), whole, text, size);
}

static size_t device_number(cl_device_id id, cl_device_info what, size_t width)
{
    cl_ulong value = 0; /* little-endian hosts: narrower answers fill the low bytes */
    return clGetDeviceInfo(id, what, width, &value, NULL) == CL_SUCCESS ? (size_t)value : 0;
}

static void describe(cl_platform_id platform, cl_device_id id, scl_device_info *info)
{
    device_text(id, CL_DEVICE_NAME, info->name, sizeof info->name);
    device_text(id, CL_DEVICE_VENDOR, info->vendor, sizeof info->vendor);
    device_text(id, CL_DRIVER_VERSION, info->driver, sizeof info->driver);
    device_text(id, CL_DEVICE_VERSION, info->version, sizeof info->version);
    platform_text(platform, CL_PLATFORM_NAME, info->platform, sizeof info->platform);
    platform_text(platform, CL_PLATFORM_VERSION, info->runtime, sizeof info->runtime);
    cl_device_type type = device_number(id, CL_DEVICE_TYPE, sizeof(cl_device_type));
    info->is_cpu = (type & CL_DEVICE_TYPE_CPU) != 0;
    info->compute_units = (unsigned)device_number(id, CL_DEVICE_MAX_COMPUTE_UNITS, sizeof(cl_uint));
    info->memory_bytes = device_number(id, CL_DEVICE_GLOBAL_MEM_SIZE, sizeof(cl_ulong));
    info->max_alloc = device_number(id, CL_DEVICE_MAX_MEM_ALLOC_SIZE, sizeof(cl_ulong));
    size_t bits = device_number(id, CL_DEVICE_MEM_BASE_ADDR_ALIGN, sizeof(cl_uint));
    info->alignment = bits / 8 > 64 ? bits / 8 : 64;
}

size_t cl_devices_list(cl_found found[CL_DEVICES_MAX])
{
    cl_platform_id platforms[16];
    cl_uint platform_count = 0;
    size_t count = 0;
    if (clGetPlatformIDs(16, platforms, &platform_count) != CL_SUCCESS)
        return 0;
    for (cl_uint p = 0; p < platform_count && p < 16; p++) {
        cl_device_id ids[16];
        cl_uint devices = 0;
        if (clGetDeviceIDs(platforms[p], CL_DEVICE_TYPE_ALL, 16, ids, &devices) != CL_SUCCESS)
            continue;
        for (cl_uint d = 0; d < devices && d < 16 && count < CL_DEVICES_MAX; d++) {
            found[count] = (cl_found){.platform = platforms[p], .id = ids[d]};
            describe(platforms[p], ids[d], &found[count++].info);
        }
    }
    return count;
}

/* NULL: a view, nothing to launch. */
static const cl_op *const implementations[SCL_OP_COUNT] = {
    [SCL_OP_AFFINE] = &cl_op_unary,
    [SCL_OP_POW] = &cl_op_unary,
    [SCL_OP_CLAMP] = &cl_op_unary,
    [SCL_OP_EXP] = &cl_op_unary,
    [SCL_OP_LOG] = &cl_op_unary,
    [SCL_OP_SQRT] = &cl_op_unary,
    [SCL_OP_ABS] = &cl_op_unary,
    [SCL_OP_STEP] = &cl_op_unary,
    [SCL_OP_SIGMOID] = &cl_op_unary,
    [SCL_OP_TANH] = &cl_op_unary,
    [SCL_OP_SOFTPLUS] = &cl_op_unary,
    [SCL_OP_RELU] = &cl_op_unary,
    [SCL_OP_GELU] = &cl_op_unary,
    [SCL_OP_NORMAL_CDF] = &cl_op_unary,
    [SCL_OP_ADD] = &cl_op_binary,
    [SCL_OP_SUB] = &cl_op_binary,
    [SCL_OP_MUL] = &cl_op_binary,
    [SCL_OP_DIV] = &cl_op_binary,
    [SCL_OP_SAFE_DIV] = &cl_op_binary,
    [SCL_OP_MAXIMUM] = &cl_op_binary,
    [SCL_OP_MINIMUM] = &cl_op_binary,
    [SCL_OP_GELU_BACKWARD] = &cl_op_binary,
    [SCL_OP_RELU_BACKWARD] = &cl_op_binary,
    [SCL_OP_POINTWISE] = &cl_op_pointwise,
    [SCL_OP_BROADCAST] = &cl_op_broadcast,
    [SCL_OP_SUM] = &cl_op_sum,
    [SCL_OP_CUMSUM] = &cl_op_cumsum,
    [SCL_OP_SLICE] = &cl_op_slice,
    [SCL_OP_PAD] = &cl_op_pad,
    [SCL_OP_CONCAT] = &cl_op_concat,
    [SCL_OP_ARGSORT] = &cl_op_argsort,
    [SCL_OP_REORDER] = &cl_op_reorder,
    [SCL_OP_DISTANCE] = &cl_op_distance,
    [SCL_OP_SWAP] = &cl_op_swap,
    [SCL_OP_IM2COL] = &cl_op_im2col,
    [SCL_OP_COL2IM] = &cl_op_col2im,
    [SCL_OP_GEMM] = &cl_op_gemm,
    [SCL_OP_LAYER_NORM] = &cl_op_layer_norm,
    [SCL_OP_LAYER_NORM_BACKWARD] = &cl_op_layer_norm_backward,
    [SCL_OP_LAYER_NORM_PARAM_GRAD] = &cl_op_layer_norm_param_grad,
    [SCL_OP_SOFTMAX] = &cl_op_softmax,
    [SCL_OP_SOFTMAX_BACKWARD] = &cl_op_softmax,
    [SCL_OP_LOG_SOFTMAX] = &cl_op_softmax,
    [SCL_OP_ONE_HOT] = &cl_op_one_hot,
    [SCL_OP_TOP_K] = &cl_op_top_k,
    [SCL_OP_FOURIER_FEATURES] = &cl_op_fourier_features,
    [SCL_OP_ATTENTION] = &cl_op_attention,
    [SCL_OP_ATTENTION_BACKWARD] = &cl_op_attention_backward,
    [SCL_OP_ACCUMULATE] = &cl_op_accumulate,
    [SCL_OP_RUNNING_MEAN] = &cl_op_running_mean,
    [SCL_OP_GLOBAL_NORM] = &cl_op_global_norm,
    [SCL_OP_SGD] = &cl_op_sgd,
    [SCL_OP_ADAM] = &cl_op_adam,
    [SCL_OP_RANDOM] = &cl_op_random,
    [SCL_OP_OWN] = &cl_op_own,
};

static size_t workspace_bytes(scl_device *base, const scl_node *node)
{
    const cl_op *op = implementations[node->op];
    return op != NULL && op->workspace != NULL ? op->workspace(cl_device_of(base), node) : 0;
}

static scl_status prepare(scl_device *base, const scl_binding *binding, scl_launch **out,
                          scl_error *err)
{
    const cl_op *op = implementations[binding->node->op];
    scl_launch *launch = scl_calloc(1, sizeof *launch);
    if (launch == NULL || op == NULL) {
        scl_free(launch);
        return scl_out_of_memory(err, sizeof *launch, "a launch");
    }
    launch->node = binding->node;
    scl_status status = op->prepare(cl_device_of(base), binding, launch, err);
    if (status == SCL_OK)
        *out = launch;
    else
        cl_launch_free(launch);
    return status;
}

static scl_status launch_run(scl_device *base, scl_launch *launch, scl_error *err)
{
    return cl_launch_run(cl_device_of(base), launch, err);
}

static void launch_release(scl_device *base, scl_launch *launch)
{
    (void)base;
    cl_launch_free(launch);
}

static scl_status finish(scl_device *base, scl_error *err)
{
    SCL_CL(err, clFinish(cl_device_of(base)->queue));
    cl_timing_collect(cl_device_of(base));
    return SCL_OK;
}

static void device_close(scl_device *base)
{
    cl_device *device = cl_device_of(base);
    if (device->queue != NULL)
        clFinish(device->queue);
    cl_timing_free(device->timing);
    if (device->queue != NULL)
        clReleaseCommandQueue(device->queue);
    cl_shared_close(device);
    scl_free(device);
}

static const scl_backend backend = {
    .name = "opencl",
    .element_size = cl_element_size,
    .buffer_create = cl_buffer_create,
    .buffer_view = cl_buffer_view,
    .buffer_release = cl_buffer_release,
    .write = cl_buffer_write,
    .read = cl_buffer_read,
    .zero = cl_buffer_zero,
    .workspace_bytes = workspace_bytes,
    .prepare = prepare,
    .launch = launch_run,
    .launch_release = launch_release,
    .finish = finish,
    .time_launches = cl_timing_start,
    .close = device_close,
};

static int clamp_width(size_t width)
{
    return width >= 16 ? 16 : width >= 8 ? 8 : 4;
}

/* A CPU device without vectors of its own puts work-items in its lanes, as a GPU does. */
static bool wants_generic(const cl_device *device, cl_variant variant, size_t native_width)
{
    bool has_vectors = native_width >= 4 || variant.width != 0;
    return variant.generic || !device->base.info.is_cpu || !has_vectors;
}

/* Registers decide the gemm tile: 32 of 16 floats, else 16. */
static cl_tuning tune(const cl_device *device, cl_variant variant)
{
    bool wants_clblast = variant.clblast || device->max_group < TILED_GROUP;
    size_t native = device_number(device->id, CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT, sizeof(cl_uint));
    if (wants_generic(device, variant, native))
        return (cl_tuning){.gemm = wants_clblast ? CL_GEMM_CLBLAST : CL_GEMM_TILED,
                           .vector_width = 4,
                           .group_size = device->max_group >= 64 ? 64 : 1,
                           .chunk_items = 64,
                           .stretch = 4};
    int width = variant.width != 0 ? variant.width : clamp_width(native);
    return (cl_tuning){.cpu_kernels = true,
                       .vector_width = width,
                       .group_size = 1,
                       .chunk_items = 1,
                       .stretch = CPU_STRETCH,
                       .gemm_rows = width == 16  ? 12
                                    : width == 8 ? 6
                                                 : 4,
                       .gemm_k_block = variant.shallow ? 32 : 384,
                       .attention_block = variant.shallow ? 32 : 256};
}

static bool is_nvidia(const cl_device *device)
{
    char extensions[4096] = "";
    return clGetDeviceInfo(device->id, CL_DEVICE_EXTENSIONS, sizeof extensions, extensions, NULL) ==
               CL_SUCCESS &&
           strstr(extensions, "cl_nv_device_attribute_query") != NULL;
}

/* Whether an argument can be an address, and one of a buffer does no harm: OpenCL promises it of
 * shared virtual memory alone. A test reaches it on CPU devices. CLBlast wants objects. */
static bool may_have_addresses(const cl_device *device, cl_variant variant)
{
    cl_ulong capabilities = 0; /* devices before OpenCL 2.0 know of none */
    return device->tuning.gemm == CL_GEMM_TILED &&
           (is_nvidia(device) || (variant.generic && device->base.info.is_cpu)) &&
           clGetDeviceInfo(device->id, CL_DEVICE_SVM_CAPABILITIES, sizeof capabilities,
                           &capabilities, NULL) == CL_SUCCESS &&
           (capabilities & CL_DEVICE_SVM_COARSE_GRAIN_BUFFER) != 0;
}

#define COMPUTE_CAPABILITY_MAJOR_NV 0x4000
#define CAPABILITY_WITH_TF32        8 /* Ampere, and what came after it */

static bool may_have_matrix_units(const cl_device *device, cl_variant variant)
{
    return device->tuning.gemm == CL_GEMM_TILED && !variant.generic && is_nvidia(device) &&
           device_number(device->id, COMPUTE_CAPABILITY_MAJOR_NV, sizeof(cl_uint)) >=
               CAPABILITY_WITH_TF32;
}

static scl_status open_queue(cl_device *device, scl_error *err)
{
    cl_int code = CL_SUCCESS;
    device->queue = clCreateCommandQueue(device->context, device->id, 0, &code);
    if (code != CL_SUCCESS)
        return cl_fail(err, code, "clCreateCommandQueue");
    return SCL_OK;
}

scl_status cl_device_open(const cl_found *found, cl_variant variant, scl_device **out,
                          scl_error *err)
{
    cl_device *device = scl_calloc(1, sizeof *device);
    if (device == NULL)
        return scl_out_of_memory(err, sizeof *device, "a device");
    device->base = (scl_device){.backend = &backend, .info = found->info};
    device->platform = found->platform;
    device->id = found->id;
    device->max_group = device_number(found->id, CL_DEVICE_MAX_WORK_GROUP_SIZE, sizeof(size_t));
    device->local_bytes = device_number(found->id, CL_DEVICE_LOCAL_MEM_SIZE, sizeof(cl_ulong));
    device->driver_caches = strstr(found->info.platform, "Portable Computing") != NULL ||
                            strstr(found->info.platform, "NVIDIA") != NULL ||
                            strstr(found->info.platform, "rusticl") != NULL;
    device->tuning = tune(device, variant);
    scl_status status = cl_shared_open(device, err);
    if (status == SCL_OK)
        status = open_queue(device, err);
    if (status == SCL_OK)
        status = cl_probe(device, err);
    if (status == SCL_OK && may_have_addresses(device, variant))
        device->tuning.addresses = cl_probe_addresses(device);
    if (status == SCL_OK && may_have_matrix_units(device, variant))
        device->tuning.matrix_units = cl_probe_matrix_units(device);
    device->base.info.code = cl_code_hash(device);
    if (status != SCL_OK) {
        scl_error_prefix(err, "device \"%s\"", found->info.name);
        device_close(&device->base);
        return status;
    }
    *out = &device->base;
    return SCL_OK;
}
