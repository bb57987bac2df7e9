/* fixture.h — values of a fixture file, and values of a device compared with them. */
#ifndef SCL_TESTS_FIXTURE_H
#define SCL_TESTS_FIXTURE_H

#include "support.h"

#include "io/weights.h"

#include <math.h>
#include <stdlib.h>

/* Fails the test unless |found - expected| <= tolerance * max |expected|. */
static inline void assert_near(const char *what, const float *found, const float *expected,
                               size_t count, double tolerance)
{
    double largest = 1e-30, worst = 0;
    size_t at = 0;
    for (size_t i = 0; i < count && !isnan(worst); i++) { /* nothing is worse than NaN */
        largest = fmax(largest, fabs((double)expected[i]));
        double error = fabs((double)found[i] - (double)expected[i]);
        if (!(error <= worst)) {
            worst = error;
            at = i;
        }
    }
    if (!(worst <= tolerance * largest))
        fail_msg("%s[%zu] is %.8g, expected %.8g: off by %.1e of the largest, %.3g", what, at,
                 (double)found[at], (double)expected[at], worst / largest, largest);
}

/* The tensor of a fixture file as floats; free with free. */
static inline float *fixture_values(const scl_weights *fixture, const char *name, size_t count)
{
    const scl_weight *w = scl_weights_find(fixture, name);
    if (w == NULL || (size_t)scl_weight_elements(w) != count)
        fail_msg("the fixture has no %s of %zu values", name, count);
    float *values = malloc(count * sizeof *values);
    scl_weight_to_f32(w, values);
    return values;
}

#endif
