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

/* Departures from the kernels that a CPU device gets by what it reports, so that one machine can
 * test those of others. */
typedef struct cl_variant {
    bool generic; /* the kernels meant for GPUs */
    bool clblast; /* CLBlast's products, with the kernels meant for GPUs */
    bool shallow; /* blocks so small that small shapes have several */
    int width;    /* floats per vector; 0: as reported */
} cl_variant;

/* Opens and probes a device. */
scl_status cl_device_open(const cl_found *found, cl_variant variant, scl_device **out,
                          scl_error *err);

#endif
