/* The ceiling of a device: rates above what any product and any copy of the test reaches by itself,
 * and nothing left behind. */
#include "support.h"

#include "graph/ceiling.h"
#include "registry.h"

#include <stdlib.h>

static void check_device(const char *spec)
{
    scl_device *device = NULL;
    scl_ceiling c;
    assert_ok(scl_device_open(spec, &device, &test_error));
    device->bytes_peak = 5;
    assert_ok(scl_ceiling_measure(device, &c, &test_error));
    assert_int_equal(device->bytes_in_use, 0);
    assert_int_equal(device->bytes_peak, 5);
    /* No machine is below a millionth or above a million of these. */
    assert_true(c.flops_per_second > 1e6 && c.flops_per_second < 1e18);
    assert_true(c.bytes_per_second > 1e6 && c.bytes_per_second < 1e18);
    assert_true(c.product_side >= 256 && c.product_side <= 4096);
    assert_true(c.copy_bytes > 0 && c.copy_bytes <= device->info.max_alloc);
    scl_device_close(device);
}

static void measured_on_each_backend(void **state)
{
    (void)state;
    const char *device = getenv("SAMCL_TEST_DEVICE");
    check_device("reference");
    check_device(device != NULL ? device : "auto");
}

/* A small device gets a small copy; one without memory says so. */
static void limits_are_kept(void **state)
{
    (void)state;
    scl_device *device = NULL;
    scl_ceiling c;
    scl_error err = {0};
    assert_ok(scl_device_open("reference", &device, &test_error));
    device->info.max_alloc = (size_t)8 << 20;
    assert_ok(scl_ceiling_measure(device, &c, &test_error));
    assert_int_equal(c.copy_bytes, 2 << 20);
    device->info.max_alloc = 4096;
    assert_fails(scl_ceiling_measure(device, &c, &err), SCL_DEVICE, err, "measuring the device");
    assert_int_equal(device->bytes_in_use, 0);
    scl_device_close(device);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(measured_on_each_backend),
                                       cmocka_unit_test(limits_are_kept)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
