#include "plan/workplace.h"

#include "registry.h"
#include "support.h"

scl_device *device;
scl_store *store;

static int open_on(const char *spec)
{
    assert_ok(scl_device_open(spec, &device, &test_error));
    assert_ok(scl_store_create(device, 42, &store, &test_error));
    return 0;
}

int open_reference(void **state)
{
    (void)state;
    return open_on("reference");
}

int open_test_device(void **state)
{
    (void)state;
    return open_on(test_device_name());
}

int close_device(void **state)
{
    (void)state;
    scl_store_free(store);
    assert_int_equal(device->bytes_in_use, 0);
    scl_device_close(device);
    return 0;
}
