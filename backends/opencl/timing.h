/* timing.h — how long the commands of a queue took, by their events, for the device's profile. */
#ifndef SCL_OPENCL_TIMING_H
#define SCL_OPENCL_TIMING_H

#include "graph/profile.h"
#include "opencl/opencl.h"

/* Gives the device a queue that times its commands, and says how its clock stands to the host's. */
scl_status cl_timing_start(scl_device *base, scl_error *err);
/* Tells the profile, if there is one still, of all commands; they must have ended. */
void cl_timing_collect(cl_device *device);
void cl_timing_free(cl_timing *timing);

/* Where the next command's event goes; NULL, which is no event, when nothing is timed. `launch`
 * starts the commands of a node. Names live as long as the launch. */
void cl_timing_launch(cl_device *device, const scl_node *node);
cl_event *cl_timing_kernel(cl_device *device, const char *kernel);
cl_event *cl_timing_transfer(cl_device *device, scl_transfer transfer, size_t bytes);
/* The same for commands that a library enqueues: all that is between two markers. */
void cl_timing_call_begin(cl_device *device, const char *name);
void cl_timing_call_end(cl_device *device);

#endif
