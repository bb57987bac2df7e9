/* buffer.h — the buffer functions of the backend table; see graph/backend.h for their contracts. */
#ifndef SCL_OPENCL_BUFFER_H
#define SCL_OPENCL_BUFFER_H

#include "opencl/opencl.h"

size_t cl_element_size(scl_dtype dtype);
scl_status cl_buffer_create(scl_device *base, size_t bytes, scl_buffer **out, scl_error *err);
scl_status cl_buffer_view(scl_device *base, scl_buffer *parent, size_t offset, size_t bytes,
                          scl_buffer **out, scl_error *err);
void cl_buffer_release(scl_device *base, scl_buffer *buffer);
scl_status cl_buffer_write(scl_device *base, scl_buffer *buffer, scl_dtype dtype, size_t offset,
                           const void *values, size_t count, scl_error *err);
scl_status cl_buffer_read(scl_device *base, scl_buffer *buffer, scl_dtype dtype, size_t offset,
                          void *values, size_t count, scl_error *err);
scl_status cl_buffer_zero(scl_device *base, scl_buffer *buffer, size_t bytes, scl_error *err);

#endif
