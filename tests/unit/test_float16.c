/* Half and bfloat16 against NumPy and PyTorch: constants printed by tests/reference/weights.py. */
#include "weights_support.h"

#include "io/float16.h"

#include <math.h>

#define HALF_TO_FLOAT   0xa0750411cb2745u
#define FLOAT_TO_HALF   0x983976c70bd690e8u
#define FLOAT_TO_BF16   0xbf72bcbee43f43deu
#define POSITIVE_HALVES 0x7c00u
#define RANDOM          65536u

static void every_half_widens_as_in_numpy(void **state)
{
    (void)state;
    static float singles[65536];
    for (uint32_t i = 0; i < 65536; i++) {
        float value = scl_half_to_float((uint16_t)i);
        assert_true(isnan(value) == ((i & 0x7fffu) > 0x7c00u));
        singles[i] = isnan(value) ? 0.0f : value;
    }
    assert_true(fnv(singles, sizeof singles) == HALF_TO_FLOAT);
}

/* All positive halves, the points between neighbours and beside them, and random bits. */
static float values[4 * POSITIVE_HALVES + RANDOM];
static uint16_t narrow[4 * POSITIVE_HALVES + RANDOM];

static size_t fill_values(void)
{
    const uint32_t n = POSITIVE_HALVES;
    for (uint32_t i = 0; i < n; i++) {
        float value = scl_half_to_float((uint16_t)i);
        float above = i + 1 < n ? scl_half_to_float((uint16_t)(i + 1)) : 65536.0f;
        float middle = (value + above) / 2;
        values[i] = value;
        values[n + i] = nextafterf(middle, 0);
        values[2 * n + i] = middle;
        values[3 * n + i] = nextafterf(middle, INFINITY);
    }
    uint32_t lcg = 1;
    for (uint32_t i = 0; i < RANDOM; i++) {
        lcg = lcg * 1664525u + 1013904223u;
        memcpy(&values[4 * n + i], &lcg, sizeof lcg);
        if (isnan(values[4 * n + i]))
            values[4 * n + i] = 0;
    }
    return sizeof values / sizeof *values;
}

static void floats_narrow_to_half_as_in_numpy(void **state)
{
    (void)state;
    size_t count = fill_values();
    for (size_t i = 0; i < count; i++) {
        narrow[i] = scl_float_to_half(values[i]);
        assert_int_equal(scl_float_to_half(-values[i]), narrow[i] ^ 0x8000);
    }
    assert_true(fnv(narrow, sizeof narrow) == FLOAT_TO_HALF);
}

static void floats_narrow_to_bf16_as_in_torch(void **state)
{
    (void)state;
    size_t count = fill_values();
    for (size_t i = 0; i < count; i++)
        narrow[i] = scl_float_to_bf16(values[i]);
    assert_true(fnv(narrow, sizeof narrow) == FLOAT_TO_BF16);
}

static void every_bf16_survives_the_way_through_float(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 65536; i++) {
        float value = scl_bf16_to_float((uint16_t)i);
        assert_true(isnan(value) == ((i & 0x7fffu) > 0x7f80u));
        if (!isnan(value))
            assert_int_equal(scl_float_to_bf16(value), i);
    }
    assert_float_equal(scl_bf16_to_float(0x3fc0), 1.5f, 0);
}

static void nan_stays_nan(void **state)
{
    (void)state;
    const uint32_t bits[] = {0x7f800001u, 0x7fc00000u, 0xff800001u, 0x7fffffffu, 0xffffffffu};
    for (size_t i = 0; i < sizeof bits / sizeof *bits; i++) {
        float value;
        memcpy(&value, &bits[i], sizeof value);
        assert_true(isnan(scl_half_to_float(scl_float_to_half(value))));
        assert_true(isnan(scl_bf16_to_float(scl_float_to_bf16(value))));
        assert_int_equal(scl_float_to_half(value) >> 15, bits[i] >> 31);
        assert_int_equal(scl_float_to_bf16(value) >> 15, bits[i] >> 31);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_half_widens_as_in_numpy),
        cmocka_unit_test(floats_narrow_to_half_as_in_numpy),
        cmocka_unit_test(floats_narrow_to_bf16_as_in_torch),
        cmocka_unit_test(every_bf16_survives_the_way_through_float),
        cmocka_unit_test(nan_stays_nan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
