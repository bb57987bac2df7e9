/* verb_devices.c — samcl devices: what there is to run on. */
#include "cli.h"

#include "base/str.h"
#include "registry.h"

#include <stdio.h>

#define MAX_DEVICES 64

static scl_status run(const cli_args *args, scl_error *err)
{
    (void)args;
    static scl_device_info devices[MAX_DEVICES];
    size_t count = scl_devices_list(devices, MAX_DEVICES);
    if (count == 0)
        return scl_fail(err, SCL_DEVICE,
                        "expected an OpenCL device, found none: install a driver, such as "
                        "pocl-opencl-icd for the processor");
    for (size_t i = 0; i < count; i++) {
        const scl_device_info *d = &devices[i];
        char memory[SCL_BYTES_TEXT], largest[SCL_BYTES_TEXT];
        printf("opencl:%zu  %s\n          %s, %u compute units, %s, largest buffer %s\n"
               "          %s, %s, driver %s\n",
               i, d->name, d->is_cpu ? "CPU" : "GPU", d->compute_units,
               scl_bytes_text(d->memory_bytes, memory), scl_bytes_text(d->max_alloc, largest),
               d->platform, d->version, d->driver);
    }
    return SCL_OK;
}

const cli_verb verb_devices = {
    .name = "devices",
    .summary = "lists the OpenCL devices of this machine",
    .usage = "",
    .run = run,
};
