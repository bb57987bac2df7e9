/* kept_device.h — the tests' device stays open beside what the tests open, so that each program is
 * compiled once in a test's process: see backends/opencl/shared.c. */
#ifndef SCL_TESTS_KEPT_DEVICE_H
#define SCL_TESTS_KEPT_DEVICE_H

#include "support.h"

#include "registry.h"

static scl_device *kept_device;

static void close_kept_device(void)
{
    scl_device_close(kept_device);
}

/* Until the process ends. A device that can't be opened is for the tests to report. */
static inline void keep_device_open(void)
{
    scl_error ignored = {0};
    if (scl_device_open(test_device_name(), &kept_device, &ignored) == SCL_OK)
        atexit(close_kept_device);
}

#endif
