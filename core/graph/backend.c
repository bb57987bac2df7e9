#include "graph/backend.h"

#include <string.h>

scl_hash128 scl_device_identity(const scl_device *device)
{
    const scl_device_info *info = &device->info;
    const char *texts[] = {device->backend->name, info->name,    info->vendor, info->platform,
                           info->driver,          info->version, info->runtime};
    scl_hash128 hash = info->code;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        hash = scl_hash128_join(hash, scl_hash128_of(texts[i], strlen(texts[i])));
    return hash;
}

size_t scl_device_bytes_left(const scl_device *device)
{
    size_t limit = device->memory_budget > 0 ? device->memory_budget : device->info.memory_bytes;
    return device->bytes_in_use < limit ? limit - device->bytes_in_use : 0;
}

double scl_device_node_bytes(const scl_device *device, const scl_node *node)
{
    return scl_node_values(node) * (double)device->backend->element_size(SCL_F32);
}

void scl_device_count_bytes(scl_device *device, ptrdiff_t bytes)
{
    device->bytes_in_use = (size_t)((ptrdiff_t)device->bytes_in_use + bytes);
    if (device->bytes_in_use > device->bytes_peak)
        device->bytes_peak = device->bytes_in_use;
}
