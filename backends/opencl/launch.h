/* launch.h — the steps of a prepared node. */
#ifndef SCL_OPENCL_LAUNCH_H
#define SCL_OPENCL_LAUNCH_H

#include "opencl/opencl.h"

typedef struct cl_step {
    char name[48];    /* of the kernel or the library, for profiles */
    cl_kernel kernel; /* or a call with its state */
    cl_uint dims;
    size_t global[3], local[3];
    cl_call call;
    void *state;
} cl_step;

struct scl_launch {
    const scl_node *node;
    cl_step *steps;
    size_t count, capacity;
};

scl_status cl_launch_run(cl_device *device, const scl_launch *launch, scl_error *err);
void cl_launch_clear(scl_launch *launch); /* of its steps */
void cl_launch_free(scl_launch *launch);

#endif
