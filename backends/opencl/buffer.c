/* buffer.c — device memory.
 *
 * A plan makes hundreds of views of one region, and they overlap. NVIDIA's driver looks through
 * overlapping objects at each launch, which takes it 50 to 1000 us; an address costs it nothing. */
#include "opencl/buffer.h"

#include "base/str.h"
#include "opencl/launch.h"
#include "opencl/timing.h"

size_t cl_element_size(scl_dtype dtype)
{
    (void)dtype; /* float and int32 alike */
    return sizeof(cl_float);
}

static scl_status no_buffer(const scl_device *device, size_t bytes, cl_int code, scl_error *err)
{
    char wanted[SCL_BYTES_TEXT], used[SCL_BYTES_TEXT], all[SCL_BYTES_TEXT];
    cl_fail(err, code, "clCreateBuffer");
    return scl_error_prefix(err, "%s for a buffer on %s, beside %s in use of its %s",
                            scl_bytes_text(bytes, wanted), device->info.name,
                            scl_bytes_text(device->bytes_in_use, used),
                            scl_bytes_text(device->info.memory_bytes, all));
}

/* Of a buffer, from a kernel that is given it. */
static scl_status find_address(cl_device *device, scl_buffer *buffer, scl_error *err)
{
    scl_launch launch = {0};
    cl_int code = CL_SUCCESS;
    scl_buffer cell = {.bytes = sizeof(cl_ulong)};
    cell.mem = clCreateBuffer(device->context, CL_MEM_READ_WRITE, cell.bytes, NULL, &code);
    if (code != CL_SUCCESS)
        return cl_fail(err, code, "clCreateBuffer");
    cl_args args = {0};
    cl_arg_buffer(&args, buffer);
    cl_arg_buffer(&args, &cell);
    const cl_work work = {.file = "address", .kernel = "address_of", .global = {1}, .local = {1}};
    cl_ulong address = 0;
    scl_status status = cl_launch_add(device, &launch, &work, &args, err);
    if (status == SCL_OK) /* beside the launches that are timed */
        code = clEnqueueNDRangeKernel(device->queue, launch.steps->kernel, 1, NULL, work.local,
                                      work.local, 0, NULL, NULL);
    if (status == SCL_OK && code == CL_SUCCESS)
        code = clEnqueueReadBuffer(device->queue, cell.mem, CL_TRUE, 0, cell.bytes, &address, 0,
                                   NULL, NULL);
    if (status == SCL_OK && code != CL_SUCCESS)
        status = cl_fail(err, code, "the address of a buffer");
    cl_launch_clear(&launch);
    clReleaseMemObject(cell.mem);
    buffer->address = (char *)(uintptr_t)address;
    return status;
}

scl_status cl_buffer_create(scl_device *base, size_t bytes, scl_buffer **out, scl_error *err)
{
    cl_device *device = cl_device_of(base);
    if (bytes > base->info.max_alloc) /* drivers that allocate at the first use do not say so */
        return no_buffer(base, bytes, CL_INVALID_BUFFER_SIZE, err);
    scl_buffer *buffer = scl_calloc(1, sizeof *buffer);
    if (buffer == NULL)
        return scl_out_of_memory(err, sizeof *buffer, "a buffer");
    cl_int code = CL_SUCCESS;
    buffer->bytes = bytes;
    buffer->mem = clCreateBuffer(device->context, CL_MEM_READ_WRITE, bytes, NULL, &code);
    if (code != CL_SUCCESS) {
        scl_free(buffer);
        return no_buffer(base, bytes, code, err);
    }
    if (device->tuning.addresses && find_address(device, buffer, err) != SCL_OK) {
        clReleaseMemObject(buffer->mem);
        scl_free(buffer);
        return err->status;
    }
    scl_device_count_bytes(base, (ptrdiff_t)bytes);
    *out = buffer;
    return SCL_OK;
}

scl_status cl_buffer_view(scl_device *base, scl_buffer *parent, size_t offset, size_t bytes,
                          scl_buffer **out, scl_error *err)
{
    scl_buffer *buffer = scl_calloc(1, sizeof *buffer);
    if (buffer == NULL)
        return scl_out_of_memory(err, sizeof *buffer, "a view");
    cl_buffer_region region = {.origin = offset, .size = bytes};
    cl_int code = CL_SUCCESS;
    *buffer = (scl_buffer){.bytes = bytes, .is_view = true};
    if (cl_device_of(base)->tuning.addresses) {
        buffer->mem = parent->mem;
        buffer->offset = parent->offset + offset;
        buffer->address = parent->address + offset;
        code = clRetainMemObject(buffer->mem);
    } else
        buffer->mem = clCreateSubBuffer(parent->mem, CL_MEM_READ_WRITE,
                                        CL_BUFFER_CREATE_TYPE_REGION, &region, &code);
    if (code != CL_SUCCESS) {
        scl_free(buffer);
        return cl_fail(err, code, "clCreateSubBuffer");
    }
    *out = buffer;
    return SCL_OK;
}

void cl_buffer_release(scl_device *base, scl_buffer *buffer)
{
    if (buffer == NULL)
        return;
    if (!buffer->is_view)
        scl_device_count_bytes(base, -(ptrdiff_t)buffer->bytes);
    clReleaseMemObject(buffer->mem);
    scl_free(buffer);
}

scl_status cl_buffer_write(scl_device *base, scl_buffer *buffer, scl_dtype dtype, size_t offset,
                           const void *values, size_t count, scl_error *err)
{
    cl_device *device = cl_device_of(base);
    size_t element = cl_element_size(dtype), bytes = count * element;
    SCL_CL(err, clEnqueueWriteBuffer(device->queue, buffer->mem, CL_TRUE,
                                     buffer->offset + offset * element, bytes, values, 0, NULL,
                                     cl_timing_transfer(device, SCL_UPLOAD, bytes)));
    return SCL_OK;
}

scl_status cl_buffer_read(scl_device *base, scl_buffer *buffer, scl_dtype dtype, size_t offset,
                          void *values, size_t count, scl_error *err)
{
    cl_device *device = cl_device_of(base);
    size_t element = cl_element_size(dtype), bytes = count * element;
    SCL_CL(err, clEnqueueReadBuffer(device->queue, buffer->mem, CL_TRUE,
                                    buffer->offset + offset * element, bytes, values, 0, NULL,
                                    cl_timing_transfer(device, SCL_DOWNLOAD, bytes)));
    cl_timing_collect(device);
    return SCL_OK;
}

scl_status cl_buffer_zero(scl_device *base, scl_buffer *buffer, size_t bytes, scl_error *err)
{
    const cl_uint zero = 0;
    cl_device *device = cl_device_of(base);
    SCL_CL(err, clEnqueueFillBuffer(device->queue, buffer->mem, &zero, sizeof zero, buffer->offset,
                                    bytes, 0, NULL, cl_timing_transfer(device, SCL_CLEAR, bytes)));
    return SCL_OK;
}
