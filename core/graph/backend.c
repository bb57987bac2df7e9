#include "graph/backend.h"

void scl_device_count_bytes(scl_device *device, ptrdiff_t bytes)
{
    device->bytes_in_use = (size_t)((ptrdiff_t)device->bytes_in_use + bytes);
    if (device->bytes_in_use > device->bytes_peak)
        device->bytes_peak = device->bytes_in_use;
}
