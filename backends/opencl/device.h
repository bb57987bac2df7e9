/* device.h — OpenCL devices of this machine: listed, and opened. */
#ifndef SCL_OPENCL_DEVICE_H
#define SCL_OPENCL_DEVICE_H

#include "opencl/opencl.h"

#define CL_DEVICES_MAX 64

typedef struct cl_found {
    cl_platform_id platform;
    cl_device_id id;
    scl_device_info info;
} cl_found;

/* Fills `found` with every device of every platform, in the ICD loader's order; returns how many.
 * A machine without OpenCL has 0. */
size_t cl_devices_list(cl_found found[CL_DEVICES_MAX]);

/* Opens and probes a device. `generic`: use the kernels meant for GPUs even on a CPU device. */
scl_status cl_device_open(const cl_found *found, bool generic, scl_device **out, scl_error *err);

#endif
