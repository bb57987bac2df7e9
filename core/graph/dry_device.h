/* dry_device.h — a device that counts its buffers and has none: what is made on it, by the very
 * functions that make a run, tells the memory of that run before anything is allocated.
 *
 * Sizes, workspaces and limits are those of the device it stands for. Writing does nothing, reading
 * gives zeros, launches do not run. */
#ifndef SCL_GRAPH_DRY_DEVICE_H
#define SCL_GRAPH_DRY_DEVICE_H

#include "graph/backend.h"

/* `real` is borrowed. Close it by its backend's `close`. SCL_DEVICE when out of host memory. */
scl_status scl_dry_device_open(scl_device *real, scl_device **out, scl_error *err);

#endif
