/* recompute.h — less memory for more work: results of the forward pass that only the gradients
 * still need are dropped, and computed again right before their first use there.
 *
 * The nodes that run again are copies, with the same inputs and kernels, so the values are the
 * same bit for bit. What is cheapest for the bytes it frees is dropped first: activations and
 * norms, then attention and matrix products, until whole blocks run again from what enters them. */
#ifndef SCL_GRAPH_RECOMPUTE_H
#define SCL_GRAPH_RECOMPUTE_H

#include "graph/backend.h"

/* A run of nodes in order: [0, first) are never computed again, [first, backward) are the forward
 * pass, the rest are gradients and updates. */
typedef struct scl_pass {
    scl_node *const *nodes;
    size_t count, first, backward;
} scl_pass;

/* One more node of the forward pass that runs again, and where that leads. */
typedef struct scl_recompute_step {
    scl_op op;
    double work;       /* done again so far, as a share of the pass's */
    size_t live_bytes; /* what the plan needs at least */
} scl_recompute_step;

/* Zero-initialise; free with scl_recompute_free. */
typedef struct scl_recompute {
    scl_node **nodes; /* the pass with what runs again, in order; in the graph's arena */
    size_t count;
    size_t *places;     /* by index in the pass: its place in `nodes` */
    double work;        /* done again, as a share of the pass's */
    size_t live_bytes;  /* what the plan needs at least */
    size_t again_count; /* nodes that run again */
    scl_recompute_step *steps;
    size_t step_count;
} scl_recompute;

/* What a plan should come to. */
typedef struct scl_recompute_goal {
    size_t bytes;      /* its lower bound at most */
    double spare_work; /* so much, as a share of the pass's, is spent even when `bytes` is met */
} scl_recompute_goal;

/* Chooses what meets the goal with the least work, or the least there is when nothing meets it, and
 * adds what runs again to the graph. Call it after autodiff, fusing and splitting. */
scl_status scl_recompute_choose(scl_graph *graph, const scl_pass *pass, scl_device *device,
                                scl_recompute_goal goal, scl_recompute *out, scl_error *err);
void scl_recompute_free(scl_recompute *recompute);

/* Operations and traffic of a node in one number, to compare what costs time: FLOPs, and as many as
 * a processor does while memory moves a byte for each byte read or written. */
double scl_node_work(const scl_node *node);

#endif
