#include "opencl/attention_layout.h"

static int64_t ceil_div(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

static int64_t take(cl_attention_layout *l, bool used, int64_t floats)
{
    int64_t at = used ? l->total : CL_NOT_USED;
    l->total += used ? (floats + 31) / 32 * 32 : 0;
    return at;
}

static int64_t rounded_up(int64_t value, int64_t multiple)
{
    return ceil_div(value, multiple) * multiple;
}

/* The blocks of a CPU device: multiples of a key row, so that each begins with one, and of about
 * the same size. */
static void choose_blocks(cl_attention_layout *l, const cl_device *device)
{
    int64_t unit = l->has_rel ? l->win_w : 1, units = l->keys / unit;
    int64_t about = device->tuning.attention_block, most = about > unit ? about / unit : 1;
    l->block = ceil_div(units, ceil_div(units, most)) * unit;
    l->blocks = ceil_div(l->keys, l->block);
    int64_t padded = rounded_up(l->block, device->tuning.vector_width);
    l->block_panels = ceil_div(padded, 2 * device->tuning.vector_width);
    l->block_floats = padded * l->attr->head_dim;
}

/* Keys are shared out only as far as windows and heads do not already keep every core busy. */
static void choose_cpu_tiles(cl_attention_layout *l, const cl_device *device)
{
    choose_blocks(l, device);
    int64_t wanted = ceil_div(4 * (int64_t)device->base.info.compute_units, l->groups);
    l->tile_rows = device->tuning.gemm_rows;
    l->blocks_each = ceil_div(l->blocks, wanted < l->blocks ? wanted : l->blocks);
    l->query_tiles = ceil_div(l->queries, l->tile_rows);
    l->key_chunks = ceil_div(l->blocks, l->blocks_each);
}

/* Tiles of token rows, and of weights, that a kernel has in local memory; and floats for each pair
 * of an owned row and a work-item that shares it. */
typedef struct tile_use {
    int own, seen, weights, pairs;
    bool weights_alias; /* they take the place of a seen tile */
} tile_use;

static const tile_use of_forward = {1, 2, 1, 1, true}, of_queries = {2, 2, 1, 0, true},
                      of_keys = {2, 2, 2, 0, false}, of_tables = {1, 1, 1, 0, false};

static int64_t local_floats(tile_use use, cl_tile tile, int64_t quads)
{
    int64_t row = 4 * (quads + 1), own = cl_tile_own(tile), seen = (int64_t)tile.kj * tile.tx;
    int64_t weights = seen * (own + 4), keep = seen * row;
    int64_t replaced = use.weights_alias ? (weights < keep ? weights : keep) : 0;
    return use.own * own * row + use.seen * keep + use.weights * weights - replaced +
           use.pairs * own * (tile.tx + 2);
}

#define MOST_ITEMS 256 /* of a group */

/* Of the tiles that fit local memory, the one with the most products for what it loads. */
static cl_tile choose_tile(const cl_device *device, tile_use use, int64_t head_dim)
{
    int64_t quads = ceil_div(head_dim, 4), local = (int64_t)(device->local_bytes / sizeof(float));
    int64_t items = device->max_group < MOST_ITEMS ? (int64_t)device->max_group : MOST_ITEMS;
    int tx = items < 16 ? (int)items : 16;
    while (quads % tx != 0)
        tx--;
    cl_tile best = {tx, 1, 1};
    double most = 0;
    for (int ty = 1; ty <= 16 && ty * tx <= items; ty *= 2)
        for (int kj = 1; kj <= 4; kj++) {
            cl_tile tile = {tx, ty, kj};
            double own = (double)cl_tile_own(tile), seen = kj * tx;
            double products = own * seen / (own + seen);
            if (products <= most || local_floats(use, tile, quads) > local)
                continue;
            best = tile;
            most = products;
        }
    return best;
}

static void choose_tiles(cl_attention_layout *l, const cl_device *device)
{
    int64_t head_dim = l->attr->head_dim;
    l->query_tile = choose_tile(device, l->backward ? of_queries : of_forward, head_dim);
    l->key_tile = choose_tile(device, of_keys, head_dim);
    l->table_tile = choose_tile(device, of_tables, head_dim);
    l->query_tiles = ceil_div(l->queries, cl_tile_own(l->query_tile));
    l->key_chunks = ceil_div(l->keys, cl_tile_own(l->key_tile));
}

/* The parts of the workspace that kernels of CPU devices use. */
static void place_cpu_parts(cl_attention_layout *l, const cl_device *device)
{
    int64_t head_dim = l->attr->head_dim, v = device->tuning.vector_width;
    int64_t slots = l->queries * l->groups, tiles = l->groups * l->query_tiles;
    int64_t key_floats = l->groups * l->blocks * l->block_floats;
    int64_t key_rows = l->groups * l->keys * head_dim, query_rows = slots * head_dim;
    int64_t columns = tiles * l->tile_rows * head_dim, parts = l->key_chunks * slots;
    l->terms_each = l->tile_rows * (rounded_up(l->win_h, v) + rounded_up(l->win_w, v));
    l->tables = take(l, l->has_rel, head_dim * (l->table_rows + 2 * v));
    l->k_panels = take(l, true, key_floats);
    l->v_rows = take(l, !l->backward, key_rows);
    l->v_panels = take(l, l->backward, key_floats);
    l->k_rows = take(l, l->backward, key_rows);
    l->q_rows = take(l, l->backward, query_rows);
    l->dout_rows = take(l, l->backward, query_rows);
    l->q_columns = take(l, l->backward, columns);
    l->dout_columns = take(l, l->backward, columns);
    l->terms = take(l, l->backward && l->has_rel, tiles * l->terms_each);
    l->dq_parts = take(l, l->backward, parts * head_dim);
    l->col_parts = take(l, l->backward && l->has_rel, parts * l->win_w);
}

cl_attention_layout cl_attention_lay_out(const cl_device *device, const scl_node *node)
{
    const scl_attention_attr *a = &node->attr.attention;
    cl_attention_layout l = {.attr = a,
                             .backward = node->op == SCL_OP_ATTENTION_BACKWARD,
                             .cpu = device->tuning.cpu_kernels,
                             .has_rel = node->inputs[REL_H] != NULL,
                             .batch = node->inputs[Q]->shape.dim[0]};
    bool windowed = a->window > 0;
    l.has_pad_grad = l.backward && node->outputs[PAD] != NULL;
    l.win_h = windowed ? a->window : a->k_h;
    l.win_w = windowed ? a->window : a->k_w;
    l.windows_x = windowed ? ceil_div(a->k_w, a->window) : 1;
    l.windows = windowed ? l.windows_x * ceil_div(a->k_h, a->window) : 1;
    l.groups = l.batch * l.windows * a->heads;
    l.queries = windowed ? a->window * a->window : a->q_h * a->q_w;
    l.keys = l.win_h * l.win_w;
    if (l.cpu)
        choose_cpu_tiles(&l, device);
    else
        choose_tiles(&l, device);
    l.table_rows = 2 * l.win_h - 1 + 2 * l.win_w - 1;
    l.pad_parts_each = l.cpu ? 1 : l.key_chunks;
    if (l.cpu)
        place_cpu_parts(&l, device);
    int64_t slots = l.queries * l.groups;
    bool rel_grad = l.has_rel && l.backward, rel_values = l.has_rel && !l.cpu;
    l.lse = take(&l, l.backward, slots);
    l.delta = take(&l, l.backward, slots);
    l.by_row = take(&l, rel_values, slots * l.win_h);
    l.by_col = take(&l, rel_values, slots * l.win_w);
    l.d_by_row = take(&l, rel_grad, slots * l.win_h);
    l.d_by_col = take(&l, rel_grad, slots * l.win_w);
    l.table_parts = take(&l, rel_grad, l.groups * l.table_rows * a->head_dim);
    l.pad_parts = take(&l, l.has_pad_grad, l.groups * l.pad_parts_each * 2 * a->head_dim);
    return l;
}
