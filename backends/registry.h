/* registry.h — the backends there are, and how a device is named.
 *
 *   auto               a GPU if there is one, else a CPU device
 *   opencl:N           the N-th device of `samcl devices`
 *   opencl:TEXT        the first device whose name or platform holds TEXT (any case), also in ""
 *   reference          plain C in double precision: for checking, not for speed
 *
 * After an OpenCL device, for tests of what other machines run: "+generic" takes the kernels
 * written for every GPU, also on a CPU, and no matrix units; "+clblast" these with CLBlast's matrix
 * products; "+width4", "+width8" or "+width16" those of a CPU with vectors of so many floats; a
 * last "+shallow" makes blocks of matrix products and attention as small as can be. */
#ifndef SCL_BACKENDS_REGISTRY_H
#define SCL_BACKENDS_REGISTRY_H

#include "graph/backend.h"

/* Opens a device; close it with scl_device_close. SCL_DEVICE lists what there is when nothing
 * matches; SCL_BAD_CONFIG when `spec` is not of the forms above. */
scl_status scl_device_open(const char *spec, scl_device **out, scl_error *err);
void scl_device_close(scl_device *device);

/* The OpenCL devices of this machine in order; returns how many, at most `max`. */
size_t scl_devices_list(scl_device_info *infos, size_t max);

#endif
