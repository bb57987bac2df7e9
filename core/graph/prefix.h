/* prefix.h — the frozen prefix: nodes that depend on no trained parameter and no state.
 *
 * What they compute for an input is the same in every epoch, so the trainer may run them once per
 * distinct input and keep the results (data/prefix_cache). The remaining, live nodes read those
 * results across the frontier. */
#ifndef SCL_GRAPH_PREFIX_H
#define SCL_GRAPH_PREFIX_H

#include "base/hash.h"
#include "graph/graph.h"

#define SCL_FRONTIER_MAX 32

typedef struct scl_split {
    scl_node **prefix; /* in order */
    scl_node **live;   /* first the nodes to run once, then those of every step, in order */
    size_t prefix_count, live_count;
    size_t once_count; /* live nodes that depend on no input, no trained parameter, no state */
    scl_tensor *frontier[SCL_FRONTIER_MAX]; /* made in the prefix, read by live nodes */
    size_t frontier_count;
    scl_tensor **params; /* PARAM tensors the prefix reads, in order of first use */
    size_t param_count;
    double flops;          /* of the prefix */
    scl_hash128 signature; /* of the prefix's ops, attributes, shapes, constants and wiring, and of
                              which tensors leave it in which order */
} scl_split;

/* The prefix: nodes that depend on the input `source` and nothing else that varies, and what they
 * need, up to the node that makes `last` (NULL: as far as there are some), so that models which
 * differ only behind it share results. Cheap nodes at its end (additions, broadcasts) stay live, so
 * that the frontier is small. Tensors that cross to nodes run later get `keep`. source NULL: no
 * prefix, only the order of `live`. Free with scl_split_free. */
scl_status scl_graph_split(scl_graph *graph, const scl_tensor *source, const scl_tensor *last,
                           scl_split *split, scl_error *err);
void scl_split_free(scl_split *split);

#endif
