/* options.h — the command line of samcl-pictures. */
#ifndef SCL_PICTURES_OPTIONS_H
#define SCL_PICTURES_OPTIONS_H

#include "pictures/kinds.h"

#define SCL_PICTURES_MIN_SIDE  16
#define SCL_PICTURES_MAX_SIDE  4096
#define SCL_PICTURES_MAX_COUNT 1000000

/* Texts are borrowed from argv. */
typedef struct scl_pictures_options {
    const scl_kind *kind;
    int count;
    uint64_t seed;
    int width, height;
    const char *out;
    bool binary; /* masks of 0 and 255 */
    bool help;   /* nothing else was looked at */
} scl_pictures_options;

/* SCL_BAD_CONFIG for an unknown kind or option, a value out of range, or a missing --out. */
scl_status scl_pictures_options_parse(int argc, const char *const *argv,
                                      scl_pictures_options *options, scl_error *err);

#endif
