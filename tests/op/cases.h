/* cases.h — small graphs that between them use every op, on odd shapes. */
#ifndef SCL_TESTS_CASES_H
#define SCL_TESTS_CASES_H

#include "graph/ops.h"

#define CASE_INPUTS 6

typedef struct op_case {
    const char *name;
    /* x[i]: trained parameters of `shapes`; returns what is compared and differentiated. */
    scl_tensor *(*build)(scl_graph *g, scl_tensor **x, const int64_t *n);
    int64_t n[12];                 /* numbers for build */
    scl_shape shapes[CASE_INPUTS]; /* ndim 0 ends the list */
    float low, high;               /* of the random inputs; both 0: -1 .. 1 */
    double tolerance;              /* of OpenCL, relative to the largest magnitude; 0: 2e-6 */
    bool kinked;                   /* not differentiable everywhere: skip finite differences */
    bool fused;                    /* after scl_graph_fuse; skip finite differences */
    bool pointwise;                /* the same after scl_graph_fuse_pointwise */
    bool large; /* too slow under a checker, which gets smaller ones of its kind */
} op_case;

extern const op_case op_cases[];
extern const int op_case_count;

#endif
