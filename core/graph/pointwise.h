/* pointwise.h — elementwise ops over the same elements as one node, with the sums of what they
 * make.
 *
 * A node of the op `pointwise` carries a program: instructions over the values of one element, run
 * for every element of a domain. Inputs broadcast to the domain by their strides. An output is a
 * value for each element, or sums of it over runs of consecutive elements. The reference backend
 * interprets programs; the OpenCL backend makes a kernel of each. */
#ifndef SCL_GRAPH_POINTWISE_H
#define SCL_GRAPH_POINTWISE_H

#include "graph/graph.h"

#define SCL_POINTWISE_INPUTS  24
#define SCL_POINTWISE_STEPS   128
#define SCL_POINTWISE_OUTPUTS 20
#define SCL_POINTWISE_SUMS    12 /* of the outputs at most */

/* An instruction without operands, whose value is scalar[0]. */
#define SCL_POINTWISE_CONSTANT SCL_OP_COUNT

/* Values have numbers: the inputs count from 0, the results of steps from SCL_POINTWISE_INPUTS. */
typedef struct scl_pointwise_step {
    int32_t op;   /* scl_op with one or two elementwise inputs, or SCL_POINTWISE_CONSTANT */
    int32_t x, y; /* values; 0 for operands that the op has not */
    float scalar[2];
} scl_pointwise_step;

typedef struct scl_pointwise_output {
    int64_t sums; /* how many: elements / sums consecutive ones make each; 0: nothing is summed */
    int64_t value;
} scl_pointwise_output;

/* No padding bytes: the frozen prefix is signed by them. */
typedef struct scl_pointwise {
    int64_t size[SCL_MAX_DIMS]; /* of the domain, the last is the fastest; those ahead may be 1 */
    int64_t stride[SCL_POINTWISE_INPUTS][SCL_MAX_DIMS];  /* 0 where an input is repeated */
    scl_pointwise_output outputs[SCL_POINTWISE_OUTPUTS]; /* first those that are sums */
    scl_pointwise_step steps[SCL_POINTWISE_STEPS];
    int32_t step_count;
    int32_t sum_count; /* of the outputs */
} scl_pointwise;

static inline int64_t scl_pointwise_elements(const scl_pointwise *p)
{
    int64_t count = 1;
    for (int i = 0; i < SCL_MAX_DIMS; i++)
        count *= p->size[i];
    return count;
}

/* Whether the op works element by element on one or two inputs that broadcast. */
static inline bool scl_op_is_pointwise(scl_op op)
{
    return op >= SCL_OP_AFFINE && op <= SCL_OP_RELU_BACKWARD;
}
static inline bool scl_op_has_two_inputs(scl_op op)
{
    return op >= SCL_OP_ADD && op <= SCL_OP_RELU_BACKWARD;
}

/* Rewrites the nodes `first` .. `end` - 1 of the graph: elementwise ops, broadcasts and sums over
 * the last axes that need not wait for one another become one node where that saves a launch, and
 * equal nodes become one. A value that another group reads is made again there where that takes no
 * more memory: from leaves, kept results, smaller ones, and at most one as large. Results with
 * `keep`, results that nobody reads, and what nodes elsewhere read are there as before, with the
 * same values. The range updates nothing in place. Call it after autodiff. SCL_OK, or out of
 * memory. */
scl_status scl_graph_fuse_pointwise(scl_graph *graph, size_t first, size_t end, scl_error *err);

#endif
