/* pair.h — a graph on a device and on the double reference, on both between guards. */
#ifndef SCL_TESTS_PAIR_H
#define SCL_TESTS_PAIR_H

#include "op/guarded.h"

typedef struct pair {
    scl_device *device, *reference;
    guarded_run found, expected;
} pair;

/* The test's device as it is ("") or in a variant of registry.h. */
pair pair_open(const char *variant);
void pair_close(pair *p);

/* A graph's run: begin, inputs, launch, compare, end. */
void pair_begin(pair *p, const scl_graph *graph);
void pair_write(pair *p, const scl_tensor *tensor, const float *values);
void pair_write_random(pair *p, const scl_tensor *tensor, const char *purpose, float low,
                       float high);
void pair_launch(pair *p);
/* No difference may be above `tolerance` of the reference's largest magnitude. */
void pair_compare(pair *p, const scl_tensor *tensor, double tolerance, const char *what);
void pair_end(pair *p);

#endif
