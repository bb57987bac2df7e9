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

#define MOST_TILES 4 /* of queries that a work-item's cache holds beside a block of keys */

/* Keys are shared out only as far as windows and heads do not already keep every core busy, and
 * tiles of queries are taken together as far as they do; backward takes them one by one. */
static void choose_cpu_tiles(cl_attention_layout *l, const cl_device *device)
{
    choose_blocks(l, device);
    int64_t wanted = ceil_div(4 * (int64_t)device->base.info.compute_units, l->groups);
    l->tile_rows = device->tuning.gemm_rows;
    l->blocks_each = ceil_div(l->blocks, wanted < l->blocks ? wanted : l->blocks);
    l->query_tiles = ceil_div(l->queries, l->tile_rows);
    int64_t items = wanted < l->query_tiles ? wanted : l->query_tiles;
    int64_t tiles = ceil_div(l->query_tiles, items);
    l->tiles_each = l->backward ? 1 : tiles < MOST_TILES ? tiles : MOST_TILES;
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
    int64_t row = 4 * (quads + 1), weights = tile.seen * (tile.own + 4), keep = tile.seen * row;
    int64_t replaced = use.weights_alias ? (weights < keep ? weights : keep) : 0;
    if (tile.matrix && !use.weights_alias)
        weights = 0;
    return use.own * tile.own * row + use.seen * keep + use.weights * weights - replaced +
           use.pairs * tile.own * (tile.shares + 2);
}

/* Takes a tile that fits local memory and has more products for what it loads. */
static void prefer(cl_tile *best, cl_tile tile, const cl_device *device, tile_use use,
                   int64_t quads)
{
    bool fits = (size_t)local_floats(use, tile, quads) * sizeof(float) <= device->local_bytes;
    double now = (double)best->own * best->seen / (best->own + best->seen);
    if (fits && (double)tile.own * tile.seen / (tile.own + tile.seen) > now)
        *best = tile;
}

#define MOST_ITEMS 256 /* of a group */
#define ROWS       4   /* that a work-item of attention_fma.cl owns */

static cl_tile choose_fma_tile(const cl_device *device, tile_use use, int64_t quads)
{
    int items = device->max_group < MOST_ITEMS ? (int)device->max_group : MOST_ITEMS;
    int tx = items < 16 ? items : 16;
    while (quads % tx != 0)
        tx--;
    cl_tile best = {ROWS, tx, tx, tx, false};
    for (int ty = 1; ty <= 16 && ty * tx <= items; ty *= 2)
        for (int kj = 1; kj <= 4; kj++)
            prefer(&best, (cl_tile){ROWS * ty, kj * tx, tx * ty, tx, false}, device, use, quads);
    return best;
}

static cl_tile choose_matrix_tile(const cl_device *device, tile_use use, int64_t quads)
{
    cl_tile best = {16, 8, CL_WARP, 4, true};
    for (int warps = 1; warps <= 4; warps *= 2)
        for (int seen = 8; seen <= 32; seen *= 2)
            prefer(&best, (cl_tile){16 * warps, seen, CL_WARP * warps, 4, true}, device, use,
                   quads);
    return best;
}

static cl_tile choose_tile(const cl_attention_layout *l, const cl_device *device, tile_use use)
{
    int64_t quads = ceil_div(l->attr->head_dim, 4);
    bool matrix = device->tuning.matrix_units && l->aligned && l->attr->head_dim % 8 == 0;
    return matrix ? choose_matrix_tile(device, use, quads) : choose_fma_tile(device, use, quads);
}

static void choose_tiles(cl_attention_layout *l, const cl_device *device)
{
    l->query_tile = choose_tile(l, device, l->backward ? of_queries : of_forward);
    l->key_tile = choose_tile(l, device, of_keys);
    l->table_tile = choose_tile(l, device, of_tables);
    l->query_tiles = ceil_div(l->queries, l->query_tile.own);
    l->key_chunks = ceil_div(l->keys, l->key_tile.own);
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
    l->tables = take(l, l->has_rel, head_dim * (l->table_rows + 4 * v));
    l->k_panels = take(l, true, key_floats);
    l->v_strips = take(l, !l->backward, key_rows);
    l->v_panels = take(l, l->backward, key_floats);
    l->k_strips = take(l, l->backward, key_rows);
    l->q_strips = take(l, l->backward, query_rows);
    l->dout_strips = take(l, l->backward, query_rows);
    l->q_columns = take(l, l->backward, columns);
    l->dout_columns = take(l, l->backward, columns);
    l->terms = take(l, l->backward && l->has_rel, tiles * l->terms_each);
    l->dq_parts = take(l, l->backward, parts * head_dim);
    l->col_parts = take(l, l->backward && l->has_rel, parts * l->win_w);
}

/* Whether every head's row begins at a multiple of four floats. */
static bool is_aligned(const scl_node *node)
{
    const scl_attention_attr *a = &node->attr.attention;
    int64_t all = a->head_dim | a->q_col | a->k_col | a->v_col;
    for (int i = Q; i <= V; i++)
        all |= node->inputs[i]->shape.dim[2];
    return all % 4 == 0;
}

cl_attention_layout cl_attention_lay_out(const cl_device *device, const scl_node *node)
{
    const scl_attention_attr *a = &node->attr.attention;
    cl_attention_layout l = {.attr = a,
                             .backward = node->op == SCL_OP_ATTENTION_BACKWARD,
                             .cpu = device->tuning.cpu_kernels,
                             .has_rel = node->inputs[REL_H] != NULL,
                             .aligned = is_aligned(node),
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
