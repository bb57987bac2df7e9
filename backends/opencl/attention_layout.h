/* attention_layout.h — how an attention is cut up on a device, and its workspace. */
#ifndef SCL_OPENCL_ATTENTION_LAYOUT_H
#define SCL_OPENCL_ATTENTION_LAYOUT_H

#include "opencl/opencl.h"

/* Input places of ATTENTION, then those ATTENTION_BACKWARD adds; outputs Q .. PAD of the latter. */
enum { Q, K, V, REL_H, REL_W, PAD, KEY_COUNT, OUT, LSE, DOUT, DLSE };

#define CL_NOT_USED ((int64_t)-1)

/* Of a kernel with tiles in local memory, kernels/attention_tile.cl: `items` work-items own `own`
 * rows and look at `seen` rows; `shares` of them share an owned row. */
typedef struct cl_tile {
    int own, seen, items, shares;
    bool matrix; /* on matrix units */
} cl_tile;

/* Sizes of one attention on one device, and where its parts lie in the workspace, in floats. */
typedef struct cl_attention_layout {
    const scl_attention_attr *attr;
    bool backward, cpu, has_rel, has_pad_grad, aligned;
    int64_t batch, win_h, win_w, windows_x, windows, groups;
    int64_t queries, keys; /* of a window, at most */
    int64_t tile_rows;     /* cpu: queries or keys of a work-item */
    int64_t tiles_each;    /* cpu: tiles of queries of a work-item, forward */
    int64_t block;         /* cpu: tokens of a block */
    int64_t blocks, block_panels, block_floats, blocks_each; /* cpu */
    cl_tile query_tile, key_tile, table_tile;                /* not cpu */
    int64_t query_tiles, key_chunks; /* work-items or groups that share a window and head */
    int64_t table_rows;              /* of both tables of relative positions */
    int64_t pad_parts_each;          /* of the padding's gradient, of a window and head */
    int64_t tables, terms_each, terms, table_parts;
    int64_t k_panels, v_panels, q_columns, dout_columns, q_strips, k_strips, v_strips, dout_strips;
    int64_t lse, delta, by_row, by_col, d_by_row, d_by_col, dq_parts, col_parts, pad_parts;
    int64_t total;
} cl_attention_layout;

/* Of a node ATTENTION or ATTENTION_BACKWARD. */
cl_attention_layout cl_attention_lay_out(const cl_device *device, const scl_node *node);

#endif
