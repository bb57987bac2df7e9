/* axis.h — the range, the ticks and the labels of one axis of a plot. */
#ifndef SCL_PICTURE_AXIS_H
#define SCL_PICTURE_AXIS_H

#include <stdbool.h>
#include <stddef.h>

#define SCL_AXIS_TICKS 48 /* at most, minor ones included */
#define SCL_AXIS_LABEL 24

typedef struct scl_tick {
    double value;
    bool minor; /* a grid line without a label */
    char label[SCL_AXIS_LABEL];
} scl_tick;

/* Values low..high are seen; on a log axis both are above 0. */
typedef struct scl_axis {
    double low, high;
    bool log;
    bool empty; /* no value was added */
    bool whole; /* all values are whole numbers, and so are the ticks */
    int tick_count;
    scl_tick ticks[SCL_AXIS_TICKS];
} scl_axis;

/* An axis without values, which scl_axis_add widens; values it can't show are passed over. */
scl_axis scl_axis_make(bool log);
void scl_axis_add(scl_axis *axis, double value);
bool scl_axis_shows(const scl_axis *axis, double value);

/* Call after the last value: widens the range by `padding` of itself at both ends (but not across
 * 0), gives an axis of one value or none some width, and sets about `wanted` ticks: multiples of 1,
 * 2 or 5 times a power of ten; on a log axis that spans enough, powers of ten. */
void scl_axis_finish(scl_axis *axis, double padding, int wanted);

/* 0 at low, 1 at high. */
double scl_axis_position(const scl_axis *axis, double value);

#endif
