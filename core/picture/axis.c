#include "picture/axis.h"

#include <math.h>
#include <stdio.h>

#define TINY     1e-290
#define LOG_SPAN 1.3 /* decades from which on a log axis is labelled by powers of ten */

scl_axis scl_axis_make(bool log)
{
    return (scl_axis){.log = log, .empty = true, .whole = true};
}

bool scl_axis_shows(const scl_axis *axis, double value)
{
    /* Beyond 1e300, differences and padding would overflow. */
    return fabs(value) < 1e300 && (!axis->log || value > 1e-300);
}

void scl_axis_add(scl_axis *axis, double value)
{
    if (!scl_axis_shows(axis, value))
        return;
    axis->low = axis->empty || value < axis->low ? value : axis->low;
    axis->high = axis->empty || value > axis->high ? value : axis->high;
    axis->empty = false;
    axis->whole = axis->whole && value == floor(value);
}

double scl_axis_position(const scl_axis *axis, double value)
{
    if (axis->log)
        return log10(value / axis->low) / log10(axis->high / axis->low);
    return (value - axis->low) / (axis->high - axis->low);
}

/* NULL when the value is out of sight or the ticks are too many. */
static scl_tick *add_tick(scl_axis *axis, double value, bool minor)
{
    double position = scl_axis_position(axis, value);
    if (axis->tick_count == SCL_AXIS_TICKS || !(position >= -1e-9 && position <= 1.0 + 1e-9))
        return NULL;
    scl_tick *tick = &axis->ticks[axis->tick_count++];
    *tick = (scl_tick){.value = value, .minor = minor};
    return tick;
}

/* Of 1, 2 and 5 times a power of ten, the one about `value`. */
static double nice_step(double value)
{
    double power = pow(10.0, floor(log10(value)));
    double part = value / power;
    return power * (part <= 1.5 ? 1.0 : part <= 3.0 ? 2.0 : part <= 7.0 ? 5.0 : 10.0);
}

/* Plain decimals in the middle range, k and M above it, exponents elsewhere. `step` tells how many
 * digits matter. */
static void write_label(char label[SCL_AXIS_LABEL], double value, double step)
{
    static const struct {
        double from, unit;
        const char *suffix;
    } scales[] = {{1e9, 1e9, "G"}, {1e6, 1e6, "M"}, {1e4, 1e3, "k"}, {0.0, 1.0, ""}};
    double size = fabs(value);
    if (size < step * 1e-6) {
        snprintf(label, SCL_AXIS_LABEL, "0");
        return;
    }
    if (size >= 1e13 || step < 1e-4) {
        int digits =
            (int)fmin(fmax(floor(log10(size) + 1e-9) - floor(log10(step) + 1e-9), 0.0), 9.0);
        snprintf(label, SCL_AXIS_LABEL, "%.*e", digits, value);
        return;
    }
    size_t i = 0;
    while (size < scales[i].from * (1.0 - 1e-9))
        i++;
    int digits = (int)fmin(fmax(-floor(log10(step / scales[i].unit) + 1e-9), 0.0), 9.0);
    snprintf(label, SCL_AXIS_LABEL, "%.*f%s", digits, value / scales[i].unit, scales[i].suffix);
}

static void linear_ticks(scl_axis *axis, int wanted)
{
    double step = nice_step((axis->high - axis->low) / (wanted > 1 ? wanted : 1));
    step = axis->whole ? fmax(step, 1.0) : step;
    double first = ceil(axis->low / step - 1e-9);
    for (int i = 0; i < SCL_AXIS_TICKS && (first + i) * step <= axis->high + step * 1e-9; i++) {
        scl_tick *tick = add_tick(axis, (first + i) * step, false);
        if (tick != NULL)
            write_label(tick->label, tick->value, step);
    }
}

/* Powers of ten, or every n-th where they are many; between them, where there is room, the
 * multiples: 2 and 5 labelled if all of them fit, the rest faint. */
static void power_ticks(scl_axis *axis, int wanted)
{
    int low = (int)floor(log10(axis->low)), high = (int)ceil(log10(axis->high));
    int every = (high - low) / (wanted > 1 ? wanted : 1) + 1;
    bool roomy = 3.0 * log10(axis->high / axis->low) <= wanted;
    for (int power = low; power <= high; power++)
        for (int digit = 1; digit < (high - low <= 4 ? 10 : 2); digit++) {
            if (power % every != 0)
                continue;
            bool labelled = digit == 1 || (roomy && (digit == 2 || digit == 5));
            double unit = pow(10.0, power);
            scl_tick *tick = add_tick(axis, digit * unit, !labelled);
            if (tick != NULL && labelled)
                write_label(tick->label, tick->value, unit);
        }
}

static void widen(scl_axis *axis, double padding)
{
    if (axis->empty) {
        axis->low = axis->log ? 0.1 : 0.0;
        axis->high = 1.0;
        axis->whole = false;
    } else if (axis->log) {
        double factor = axis->high > axis->low ? pow(axis->high / axis->low, padding) : 2.0;
        axis->low = fmax(axis->low / factor, 1e-305);
        axis->high *= factor;
    } else {
        double size = fmax(fabs(axis->low), fabs(axis->high));
        /* Values equal but for rounding are one value; what is below TINY is 0. */
        bool flat = axis->high - axis->low <= fmax(size * 1e-12, TINY);
        double more = flat ? (size > TINY ? size * 0.1 : 1.0) : (axis->high - axis->low) * padding;
        axis->low = axis->low >= 0.0 ? fmax(axis->low - more, 0.0) : axis->low - more;
        axis->high = axis->high <= 0.0 && !flat ? fmin(axis->high + more, 0.0) : axis->high + more;
    }
}

void scl_axis_finish(scl_axis *axis, double padding, int wanted)
{
    widen(axis, padding);
    axis->tick_count = 0;
    if (axis->log && log10(axis->high / axis->low) >= LOG_SPAN)
        power_ticks(axis, wanted);
    else
        linear_ticks(axis, wanted);
}
