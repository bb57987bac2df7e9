#include "base/clock.h"

#include <time.h>

uint64_t scl_clock_nanoseconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

double scl_clock_seconds(void)
{
    return 1e-9 * (double)scl_clock_nanoseconds();
}
