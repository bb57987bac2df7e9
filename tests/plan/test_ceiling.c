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
    check_device("reference");
    check_device(test_device_name());
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

static void work_takes_the_longer_of_two(void **state)
{
    (void)state;
    const scl_ceiling c = {.flops_per_second = 4e9,
                           .bytes_per_second = 2e9,
                           .product_side = 512,
                           .copy_bytes = 1 << 20};
    scl_str text = {0};
    assert_true(scl_ceiling_seconds(&c, 8e9, 2e9) == 2);
    assert_true(scl_ceiling_seconds(&c, 8e9, 6e9) == 3);
    assert_true(scl_ceiling_seconds(&c, 0, 1e9) == 0.5);
    scl_ceiling_describe(&c, &text);
    assert_string_equal(scl_str_text(&text), "4.00 GFLOP/s in a product of 512 x 512 x 512, "
                                             "2.00 GB/s in a copy of 1.0 MiB");
    scl_str_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(measured_on_each_backend),
                                       cmocka_unit_test(limits_are_kept),
                                       cmocka_unit_test(work_takes_the_longer_of_two)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
