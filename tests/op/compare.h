/* compare.h — the cases of cases.h on OpenCL against the double reference, between guards. */
#ifndef SCL_TESTS_COMPARE_H
#define SCL_TESTS_COMPARE_H

#include "op/cases.h"
#include "op/guarded.h"

typedef struct built_case {
    scl_graph *graph;
    scl_tensor *x[CASE_INPUTS];
    int inputs;
    scl_tensor *y, *loss;
    size_t forward_nodes;
} built_case;

/* loss = sum(y * random weights), differentiated. */
built_case build_case(const op_case *c);
void write_inputs(guarded_run *run, const op_case *c, const built_case *b);

/* Whether this run of the tests has the case. */
bool is_chosen(const op_case *c);

/* Every case, forward and backward, on the test's device as it is ("") or in a variant of
 * registry.h. */
void check_variant(const char *variant);

#endif
