/* clock.h — time that only goes forward, from some moment on. Safe in signal handlers. */
#ifndef SCL_BASE_CLOCK_H
#define SCL_BASE_CLOCK_H

#include <stdint.h>

uint64_t scl_clock_nanoseconds(void);
double scl_clock_seconds(void);

#endif
