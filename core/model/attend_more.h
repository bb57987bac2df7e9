/* attend_more.h — attention to tokens that have no place in the image, beside the image's own. */
#ifndef SCL_MODEL_ATTEND_MORE_H
#define SCL_MODEL_ATTEND_MORE_H

#include "graph/ops.h"

/* What scl_attention would give, had each query, in its window or in the whole grid, also the T
 * keys and values of `more` [T, columns], without relative positions. `seen` is its result for the
 * packed qkv [B, N, columns] and these attributes. */
scl_tensor *scl_attend_more(scl_graph *g, scl_tensor *qkv, scl_tensor *seen, scl_tensor *more,
                            const scl_attention_attr *attr);

#endif
