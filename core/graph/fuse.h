/* fuse.h — folds activations, residual additions and swapped axes into the op before them. */
#ifndef SCL_GRAPH_FUSE_H
#define SCL_GRAPH_FUSE_H

#include "graph/graph.h"

/* Rewrites graph->nodes: gemm or layer_norm -> gelu or relu, gemm -> add of an equally shaped
 * tensor, gemm -> gelu_backward or relu_backward, and gemm -> swap become one node where nothing
 * else reads the value in between; a node takes a swap and then one of the others. Call it once,
 * after autodiff. Returns SCL_OK or out of memory. */
scl_status scl_graph_fuse(scl_graph *graph, scl_error *err);

#endif
