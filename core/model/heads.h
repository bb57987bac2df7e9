/* heads.h — the heads of an attention as rows of their own, for products that know no heads. */
#ifndef SCL_MODEL_HEADS_H
#define SCL_MODEL_HEADS_H

#include "graph/ops.h"

/* [1, heads, 1, width]: 1 where a column belongs to the head. */
scl_tensor *scl_head_columns(scl_graph *g, int64_t heads, int64_t width);

/* x [M, T, width] -> [M heads T, width], a head's columns in its rows and zeros elsewhere. */
scl_tensor *scl_spread_heads(scl_graph *g, scl_tensor *x, scl_tensor *columns);

#endif
