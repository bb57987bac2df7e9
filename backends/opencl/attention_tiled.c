/* attention_tiled.c — attention on GPUs: the order of the kernels, and what each is given. */
#include "opencl/attention_job.h"

#include <stdio.h>

static void tile_options(const attention_job *j, cl_tile tile, char options[CL_ATTENTION_OPTIONS])
{
    int used = snprintf(options, CL_ATTENTION_OPTIONS, "%s -DALIGNED=%d -DMATRIX=%d ", j->options,
                        j->l.aligned, tile.matrix);
    char *rest = options + used;
    size_t room = CL_ATTENTION_OPTIONS - (size_t)used;
    if (tile.matrix)
        snprintf(rest, room, "-DWARPS=%d -DSEEN=%d", tile.items / CL_WARP, tile.seen);
    else
        snprintf(rest, room, "-DTX=%d -DTY=%d -DKJ=%d", tile.shares, tile.items / tile.shares,
                 tile.seen / tile.shares);
}

/* A kernel with a group for each of the tiles of a window and head. */
static scl_status add_tiled(const attention_job *j, const char *file, const char *kernel,
                            cl_tile tile, int64_t tiles, const cl_args *args, scl_error *err)
{
    char options[CL_ATTENTION_OPTIONS];
    tile_options(j, tile, options);
    return cl_attention_add(j, file, kernel, options, tiles * tile.items, tile.items, args, err);
}

static void arg_inputs(cl_args *args, const attention_job *j, const int *inputs, size_t count)
{
    for (size_t i = 0; i < count; i++)
        cl_arg_buffer(args, j->b->inputs[inputs[i]]);
}

static void arg_qkv(cl_args *args, const attention_job *j)
{
    cl_arg_int(args, j->l.attr->heads);
    for (int i = Q; i <= V; i++)
        cl_attention_arg_columns(args, j, i);
    cl_arg_float(args, j->l.attr->scale);
}

static scl_status relative_terms(const attention_job *j, scl_error *err)
{
    const int inputs[] = {Q, REL_H, REL_W};
    if (!j->l.has_rel)
        return SCL_OK;
    size_t tiles = cl_ceil_div((size_t)j->l.queries, (size_t)j->l.table_tile.own);
    cl_args args = {0};
    arg_inputs(&args, j, inputs, sizeof inputs / sizeof *inputs);
    cl_arg_int(&args, j->l.attr->heads);
    cl_attention_arg_columns(&args, j, Q);
    cl_attention_arg_values(&args, j);
    cl_attention_arg_geometry(&args, j);
    return add_tiled(j, "attention_tables", "relative_terms", j->l.table_tile, 2 * (int64_t)tiles,
                     &args, err);
}

scl_status cl_attention_forward_tiled(const attention_job *j, scl_error *err)
{
    const int inputs[] = {Q, K, V, PAD, KEY_COUNT};
    cl_args args = {0};
    SCL_TRY(relative_terms(j, err));
    arg_inputs(&args, j, inputs, sizeof inputs / sizeof *inputs);
    cl_arg_buffer(&args, j->b->outputs[0]);
    cl_arg_buffer(&args, j->b->outputs[1]);
    arg_qkv(&args, j);
    cl_attention_arg_values(&args, j);
    cl_attention_arg_geometry(&args, j);
    return add_tiled(j, "attention", "attention", j->l.query_tile, j->l.query_tiles, &args, err);
}

static scl_status keep_query_values(const attention_job *j, scl_error *err)
{
    const int inputs[] = {OUT, LSE, DOUT, DLSE};
    char options[CL_ATTENTION_OPTIONS];
    cl_args args = {0};
    arg_inputs(&args, j, inputs, sizeof inputs / sizeof *inputs);
    cl_arg_int(&args, j->l.attr->heads);
    cl_attention_arg_values(&args, j);
    cl_attention_arg_geometry(&args, j);
    tile_options(j, j->l.query_tile, options);
    return cl_attention_add(j, "attention_queries", "keep_query_values", options, j->l.queries,
                            j->device->tuning.group_size, &args, err);
}

static scl_status backward_queries(const attention_job *j, scl_error *err)
{
    const int inputs[] = {Q, K, V, REL_H, REL_W, PAD, KEY_COUNT, DOUT};
    cl_args args = {0};
    arg_inputs(&args, j, inputs, sizeof inputs / sizeof *inputs);
    cl_arg_buffer(&args, j->b->outputs[Q]);
    arg_qkv(&args, j);
    cl_attention_arg_values(&args, j);
    cl_attention_arg_geometry(&args, j);
    return add_tiled(j, "attention_queries", "backward_queries", j->l.query_tile, j->l.query_tiles,
                     &args, err);
}

static scl_status backward_keys(const attention_job *j, scl_error *err)
{
    const int inputs[] = {Q, K, V, PAD, KEY_COUNT, DOUT};
    cl_args args = {0};
    arg_inputs(&args, j, inputs, sizeof inputs / sizeof *inputs);
    cl_attention_arg_key_gradients(&args, j);
    arg_qkv(&args, j);
    cl_arg_long(&args, j->l.pad_parts);
    cl_attention_arg_values(&args, j);
    cl_attention_arg_geometry(&args, j);
    return add_tiled(j, "attention_keys", "backward_keys", j->l.key_tile, j->l.key_chunks, &args,
                     err);
}

static scl_status make_table_parts(const attention_job *j, scl_error *err)
{
    int64_t own = j->l.table_tile.own;
    size_t tiles = cl_ceil_div((size_t)(2 * j->l.win_h - 1), (size_t)own) +
                   cl_ceil_div((size_t)(2 * j->l.win_w - 1), (size_t)own);
    cl_args args = {0};
    cl_arg_buffer(&args, j->b->inputs[Q]);
    cl_arg_int(&args, j->l.attr->heads);
    cl_attention_arg_columns(&args, j, Q);
    cl_arg_long(&args, j->l.table_parts);
    cl_attention_arg_values(&args, j);
    cl_attention_arg_geometry(&args, j);
    return add_tiled(j, "attention_tables", "make_table_parts", j->l.table_tile, (int64_t)tiles,
                     &args, err);
}

scl_status cl_attention_backward_tiled(const attention_job *j, scl_error *err)
{
    SCL_TRY(relative_terms(j, err));
    SCL_TRY(keep_query_values(j, err));
    SCL_TRY(backward_queries(j, err));
    SCL_TRY(backward_keys(j, err));
    return cl_attention_wants_tables(j) ? make_table_parts(j, err) : SCL_OK;
}
