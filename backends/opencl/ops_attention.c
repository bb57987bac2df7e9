/* ops_attention.c — attention and its gradients: the order of the kernels, and what each is given.
 */
#include "opencl/attention_layout.h"

#include <stdio.h>

static size_t attention_workspace(cl_device *device, const scl_node *node)
{
    return (size_t)cl_attention_lay_out(device, node).total * sizeof(cl_float);
}

static void make_options(const cl_attention_layout *l, const cl_device *device, char options[160])
{
    snprintf(options, 160, "-DD=%d -DREL_H=%d -DREL_W=%d %s=%d -DMR=%d", (int)l->attr->head_dim,
             l->has_rel ? (int)l->win_h : 0, l->has_rel ? (int)l->win_w : 0,
             l->cpu ? "-DKB" : "-DTILE", (int)l->block, device->tuning.gemm_rows);
}

static void arg_geometry(cl_args *args, const cl_attention_layout *l)
{
    const scl_attention_attr *a = l->attr;
    const int64_t values[] = {a->q_h,   a->q_w,       a->k_h,     a->k_w,       l->win_h,
                              l->win_w, l->windows_x, l->windows, a->window > 0};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        cl_arg_int(args, values[i]);
}

static void arg_query_values(cl_args *args, const cl_attention_layout *l,
                             const scl_buffer *workspace)
{
    cl_arg_buffer(args, workspace);
    const int64_t at[] = {l->lse, l->delta, l->by_row, l->by_col, l->d_by_row, l->d_by_col};
    for (size_t i = 0; i < sizeof at / sizeof *at; i++)
        cl_arg_long(args, at[i] == CL_NOT_USED ? 0 : at[i]);
    cl_arg_int(args, l->queries);
}

/* What every kernel of a node needs; `part` names a tensor's rows. */
typedef struct attention_job {
    cl_device *device;
    const scl_binding *b;
    scl_launch *launch;
    const char *options;
    cl_attention_layout l;
} attention_job;

static int64_t stride_of(const attention_job *j, int input)
{
    return j->b->node->inputs[input]->shape.dim[2];
}

static int64_t col_of(const attention_job *j, int input)
{
    const scl_attention_attr *a = j->l.attr;
    return input == Q ? a->q_col : input == K ? a->k_col : input == V ? a->v_col : 0;
}

static void arg_columns(cl_args *args, const attention_job *j, int input)
{
    cl_arg_int(args, stride_of(j, input));
    cl_arg_int(args, col_of(j, input));
}

static scl_status add_groups(const attention_job *j, const char *file, const char *kernel,
                             int64_t items, const cl_args *args, scl_error *err)
{
    size_t group = j->l.cpu ? 1 : (size_t)j->device->tuning.group_size;
    cl_work work = {
        .file = file,
        .kernel = kernel,
        .options = j->options,
        .global = {(size_t)items, (size_t)(j->l.windows * j->l.attr->heads), (size_t)j->l.batch},
        .local = {group, 1, 1}};
    return cl_launch_add(j->device, j->launch, &work, args, err);
}

static const char *cpu_file(const attention_job *j)
{
    return j->l.backward ? "cpu/attention_backward" : "cpu/attention";
}

static void arg_packing(cl_args *args, const attention_job *j, int input, int64_t at)
{
    cl_arg_buffer(args, j->b->inputs[input]);
    cl_arg_buffer(args, j->b->workspace);
    cl_arg_long(args, at);
    arg_columns(args, j, input);
    cl_arg_int(args, j->l.attr->heads);
}

static scl_status pack_panels(const attention_job *j, int input, int64_t at, scl_error *err)
{
    cl_args args = {0};
    arg_packing(&args, j, input, at);
    cl_arg_int(&args, j->l.blocks);
    arg_geometry(&args, &j->l);
    return add_groups(j, cpu_file(j), "pack_panels", j->l.blocks * j->l.block_panels, &args, err);
}

static scl_status pack_rows(const attention_job *j, int input, int64_t at, scl_error *err)
{
    bool keys = input == K || input == V;
    int64_t count = keys ? j->l.keys : j->l.queries;
    cl_args args = {0};
    arg_packing(&args, j, input, at);
    cl_arg_int(&args, keys);
    cl_arg_int(&args, count);
    arg_geometry(&args, &j->l);
    size_t items = cl_ceil_div((size_t)count, (size_t)j->device->tuning.vector_width);
    return add_groups(j, cpu_file(j), "pack_rows", (int64_t)items, &args, err);
}

static scl_status pack_tables(const attention_job *j, scl_error *err)
{
    if (!j->l.has_rel)
        return SCL_OK;
    cl_args args = {0};
    cl_arg_buffer(&args, j->b->inputs[REL_H]);
    cl_arg_buffer(&args, j->b->inputs[REL_W]);
    cl_arg_buffer(&args, j->b->workspace);
    cl_arg_long(&args, j->l.tables);
    cl_work work = {.file = cpu_file(j),
                    .kernel = "pack_tables",
                    .options = j->options,
                    .global = {(size_t)j->l.attr->head_dim},
                    .local = {1}};
    return cl_launch_add(j->device, j->launch, &work, &args, err);
}

static scl_status relative_terms(const attention_job *j, scl_error *err)
{
    cl_args args = {0};
    cl_arg_buffer(&args, j->b->inputs[Q]);
    cl_arg_buffer(&args, j->b->inputs[REL_H]);
    cl_arg_buffer(&args, j->b->inputs[REL_W]);
    cl_arg_int(&args, j->l.attr->heads);
    arg_columns(&args, j, Q);
    arg_query_values(&args, &j->l, j->b->workspace);
    arg_geometry(&args, &j->l);
    cl_work work = {
        .file = "attention",
        .kernel = "relative_terms",
        .options = j->options,
        .global = {(size_t)(j->l.win_h + j->l.win_w), (size_t)j->l.queries, (size_t)j->l.groups},
        .local = {(size_t)j->device->tuning.group_size, 1, 1}};
    return cl_launch_add(j->device, j->launch, &work, &args, err);
}

static scl_status forward_cpu(const attention_job *j, scl_error *err)
{
    const cl_attention_layout *l = &j->l;
    SCL_TRY(pack_tables(j, err));
    SCL_TRY(pack_panels(j, K, l->k_panels, err));
    SCL_TRY(pack_rows(j, V, l->v_rows, err));
    cl_args args = {0};
    cl_arg_buffer(&args, j->b->inputs[Q]);
    cl_arg_buffer(&args, j->b->inputs[PAD]);
    cl_arg_buffer(&args, j->b->inputs[KEY_COUNT]);
    cl_arg_buffer(&args, j->b->workspace);
    cl_arg_buffer(&args, j->b->outputs[0]);
    cl_arg_buffer(&args, j->b->outputs[1]);
    cl_arg_int(&args, l->attr->heads);
    arg_columns(&args, j, Q);
    cl_arg_int(&args, l->attr->k_col);
    cl_arg_int(&args, l->attr->v_col);
    cl_arg_float(&args, l->attr->scale);
    cl_arg_long(&args, l->k_panels);
    cl_arg_long(&args, l->v_rows);
    cl_arg_long(&args, l->has_rel ? l->tables : 0);
    cl_arg_int(&args, l->blocks);
    arg_geometry(&args, l);
    return add_groups(j, "cpu/attention", "attention", l->query_tiles, &args, err);
}

static scl_status forward_generic(const attention_job *j, scl_error *err)
{
    if (j->l.has_rel)
        SCL_TRY(relative_terms(j, err));
    cl_args args = {0};
    const int buffers[] = {Q, K, V, PAD, KEY_COUNT};
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
        cl_arg_buffer(&args, j->b->inputs[buffers[i]]);
    cl_arg_buffer(&args, j->b->outputs[0]);
    cl_arg_buffer(&args, j->b->outputs[1]);
    cl_arg_int(&args, j->l.attr->heads);
    for (int i = Q; i <= V; i++)
        arg_columns(&args, j, i);
    cl_arg_float(&args, j->l.attr->scale);
    arg_query_values(&args, &j->l, j->b->workspace);
    arg_geometry(&args, &j->l);
    return add_groups(j, "attention", "attention", j->l.queries, &args, err);
}

static scl_status prepare_attention(cl_device *device, const scl_binding *b, scl_launch *launch,
                                    scl_error *err)
{
    char options[160];
    attention_job job = {.device = device,
                         .b = b,
                         .launch = launch,
                         .options = options,
                         .l = cl_attention_lay_out(device, b->node)};
    make_options(&job.l, device, options);
    return job.l.cpu ? forward_cpu(&job, err) : forward_generic(&job, err);
}

static scl_status begin_queries_cpu(const attention_job *j, scl_error *err)
{
    cl_args args = {0};
    const int buffers[] = {Q, OUT, LSE, DOUT, DLSE};
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
        cl_arg_buffer(&args, j->b->inputs[buffers[i]]);
    cl_arg_int(&args, j->l.attr->heads);
    arg_columns(&args, j, Q);
    cl_arg_float(&args, j->l.attr->scale);
    cl_arg_long(&args, j->l.q_columns);
    cl_arg_long(&args, j->l.dout_columns);
    cl_arg_long(&args, j->l.has_rel ? j->l.tables : 0);
    cl_arg_long(&args, j->l.has_rel ? j->l.terms : 0);
    arg_query_values(&args, &j->l, j->b->workspace);
    arg_geometry(&args, &j->l);
    return add_groups(j, "cpu/attention_backward", "begin_queries", j->l.query_tiles, &args, err);
}

static scl_status finish_queries_cpu(const attention_job *j, scl_error *err)
{
    cl_args args = {0};
    cl_arg_buffer(&args, j->b->inputs[REL_H]);
    cl_arg_buffer(&args, j->b->inputs[REL_W]);
    cl_arg_buffer(&args, j->b->outputs[Q]);
    cl_arg_int(&args, j->l.attr->heads);
    arg_columns(&args, j, Q);
    cl_arg_float(&args, j->l.attr->scale);
    cl_arg_long(&args, j->l.dq_parts);
    cl_arg_long(&args, j->l.has_rel ? j->l.col_parts : 0);
    cl_arg_int(&args, j->l.key_chunks);
    arg_query_values(&args, &j->l, j->b->workspace);
    arg_geometry(&args, &j->l);
    return add_groups(j, "cpu/attention_backward", "finish_queries", j->l.query_tiles, &args, err);
}

/* The gradients of k and v: of the joint qkv tensor, or each its own. */
static void arg_key_gradients(cl_args *args, const attention_job *j)
{
    bool packed = j->b->node->inputs[Q] == j->b->node->inputs[K];
    cl_arg_buffer(args, j->b->outputs[packed ? Q : K]);
    cl_arg_buffer(args, j->b->outputs[packed ? Q : V]);
}

static scl_status pack_for_backward(const attention_job *j, scl_error *err)
{
    const cl_attention_layout *l = &j->l;
    SCL_TRY(pack_tables(j, err));
    SCL_TRY(pack_panels(j, K, l->k_panels, err));
    SCL_TRY(pack_panels(j, V, l->v_panels, err));
    SCL_TRY(pack_rows(j, Q, l->q_rows, err));
    SCL_TRY(pack_rows(j, K, l->k_rows, err));
    SCL_TRY(pack_rows(j, DOUT, l->dout_rows, err));
    return begin_queries_cpu(j, err);
}

/* Also where no window of the grid is padded, if the padding's gradient is asked for. */
static scl_status pass_padding_cpu(const attention_job *j, scl_error *err)
{
    const cl_attention_layout *l = &j->l;
    const scl_attention_attr *a = l->attr;
    bool padded = a->window > 0 && (a->k_h % a->window != 0 || a->k_w % a->window != 0);
    if (!padded && !l->has_pad_grad)
        return SCL_OK;
    cl_args args = {0};
    cl_arg_buffer(&args, j->b->inputs[PAD]);
    cl_arg_int(&args, a->heads);
    cl_arg_int(&args, a->k_col);
    cl_arg_int(&args, a->v_col);
    cl_arg_float(&args, a->scale);
    const int64_t at[] = {l->q_rows,
                          l->dout_rows,
                          l->has_rel ? l->terms : 0,
                          l->dq_parts,
                          l->has_rel ? l->col_parts : 0,
                          l->pad_parts};
    for (size_t i = 0; i < sizeof at / sizeof *at; i++)
        cl_arg_long(&args, at[i]);
    cl_arg_int(&args, l->key_chunks);
    cl_arg_int(&args, l->query_tiles);
    arg_query_values(&args, l, j->b->workspace);
    arg_geometry(&args, l);
    return add_groups(j, "cpu/attention_backward", "pass_padding", 1, &args, err);
}

static scl_status backward_cpu(const attention_job *j, scl_error *err)
{
    SCL_TRY(pack_for_backward(j, err));
    const cl_attention_layout *l = &j->l;
    cl_args args = {0};
    cl_arg_buffer(&args, j->b->inputs[KEY_COUNT]);
    arg_key_gradients(&args, j);
    cl_arg_int(&args, l->attr->heads);
    arg_columns(&args, j, K);
    arg_columns(&args, j, V);
    cl_arg_float(&args, l->attr->scale);
    const int64_t at[] = {l->q_columns, l->dout_columns, l->k_panels, l->v_panels,
                          l->q_rows,    l->k_rows,       l->dout_rows};
    for (size_t i = 0; i < sizeof at / sizeof *at; i++)
        cl_arg_long(&args, at[i]);
    cl_arg_long(&args, l->has_rel ? l->terms : 0);
    cl_arg_long(&args, l->dq_parts);
    cl_arg_long(&args, l->has_rel ? l->col_parts : 0);
    cl_arg_int(&args, l->query_tiles);
    cl_arg_int(&args, l->blocks);
    cl_arg_int(&args, l->blocks_each);
    arg_query_values(&args, l, j->b->workspace);
    arg_geometry(&args, l);
    SCL_TRY(add_groups(j, "cpu/attention_backward", "backward", l->key_chunks, &args, err));
    SCL_TRY(pass_padding_cpu(j, err));
    return finish_queries_cpu(j, err);
}

static scl_status backward_queries(const attention_job *j, scl_error *err)
{
    cl_args args = {0};
    for (int i = Q; i <= DLSE; i++)
        cl_arg_buffer(&args, j->b->inputs[i]);
    cl_arg_buffer(&args, j->b->outputs[Q]);
    cl_arg_int(&args, j->l.attr->heads);
    for (int i = Q; i <= V; i++)
        arg_columns(&args, j, i);
    cl_arg_float(&args, j->l.attr->scale);
    arg_query_values(&args, &j->l, j->b->workspace);
    arg_geometry(&args, &j->l);
    return add_groups(j, "attention", "backward_queries", j->l.queries, &args, err);
}

static scl_status backward_keys(const attention_job *j, scl_error *err)
{
    cl_args args = {0};
    const int buffers[] = {Q, K, V, PAD, KEY_COUNT, DOUT};
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
        cl_arg_buffer(&args, j->b->inputs[buffers[i]]);
    arg_key_gradients(&args, j);
    cl_arg_int(&args, j->l.attr->heads);
    for (int i = Q; i <= V; i++)
        arg_columns(&args, j, i);
    cl_arg_float(&args, j->l.attr->scale);
    cl_arg_long(&args, j->l.pad_parts);
    arg_query_values(&args, &j->l, j->b->workspace);
    arg_geometry(&args, &j->l);
    return add_groups(j, "attention", "backward_keys", j->l.keys, &args, err);
}

static scl_status backward_generic(const attention_job *j, scl_error *err)
{
    if (j->l.has_rel)
        SCL_TRY(relative_terms(j, err));
    SCL_TRY(backward_queries(j, err));
    return backward_keys(j, err);
}

static scl_status sum_pad(const attention_job *j, scl_error *err)
{
    int64_t columns = scl_shape_count(j->b->node->inputs[PAD]->shape);
    cl_args args = {0};
    cl_arg_buffer(&args, j->b->workspace);
    cl_arg_long(&args, j->l.pad_parts);
    cl_arg_buffer(&args, j->b->outputs[PAD]);
    cl_arg_int(&args, columns);
    cl_arg_int(&args, j->l.batch);
    cl_arg_int(&args, j->l.windows);
    cl_arg_int(&args, j->l.attr->heads);
    cl_arg_int(&args, j->l.pad_parts_each);
    cl_arg_int(&args, j->l.attr->k_col);
    cl_arg_int(&args, j->l.attr->v_col);
    cl_work work = {.file = "attention_sums",
                    .kernel = "sum_pad_parts",
                    .options = j->options,
                    .global = {(size_t)columns},
                    .local = {16}};
    return cl_launch_add(j->device, j->launch, &work, &args, err);
}

static scl_status sum_table(const attention_job *j, int output, scl_error *err)
{
    int64_t side = output == REL_W ? j->l.win_w : j->l.win_h;
    cl_args args = {0};
    cl_arg_buffer(&args, j->b->inputs[Q]);
    cl_arg_buffer(&args, j->b->workspace);
    cl_arg_long(&args, output == REL_W ? j->l.d_by_col : j->l.d_by_row);
    cl_arg_buffer(&args, j->b->outputs[output]);
    cl_arg_int(&args, j->l.batch);
    cl_arg_int(&args, j->l.attr->heads);
    arg_columns(&args, j, Q);
    cl_arg_int(&args, side);
    cl_arg_int(&args, j->l.queries);
    cl_arg_int(&args, output == REL_W);
    arg_geometry(&args, &j->l);
    cl_work work = {
        .file = "attention_sums",
        .kernel = "sum_table",
        .options = j->options,
        .global = {cl_ceil_div((size_t)j->l.attr->head_dim, (size_t)j->device->tuning.vector_width),
                   (size_t)(2 * side - 1)}};
    return cl_launch_add(j->device, j->launch, &work, &args, err);
}

/* The gradients of both tables on CPU devices: a part per window and head, and their sum. */
static scl_status sum_tables_cpu(const attention_job *j, scl_error *err)
{
    const cl_attention_layout *l = &j->l;
    cl_args args = {0};
    cl_arg_int(&args, l->attr->heads);
    cl_arg_long(&args, l->q_rows);
    cl_arg_long(&args, l->table_parts);
    arg_query_values(&args, l, j->b->workspace);
    arg_geometry(&args, l);
    SCL_TRY(add_groups(j, "cpu/attention_backward", "make_table_parts", 2, &args, err));
    args = (cl_args){0};
    cl_arg_buffer(&args, j->b->workspace);
    cl_arg_long(&args, l->table_parts);
    cl_arg_buffer(&args, j->b->outputs[REL_H]);
    cl_arg_buffer(&args, j->b->outputs[REL_W]);
    cl_arg_int(&args, l->groups);
    cl_work work = {.file = "cpu/attention_backward",
                    .kernel = "sum_table_parts",
                    .options = j->options,
                    .global = {(size_t)l->table_rows},
                    .local = {1}};
    return cl_launch_add(j->device, j->launch, &work, &args, err);
}

static scl_status sum_tables(const attention_job *j, scl_error *err)
{
    scl_buffer *const *outputs = j->b->outputs;
    if (outputs[REL_H] == NULL && outputs[REL_W] == NULL)
        return SCL_OK;
    if (j->l.cpu)
        return sum_tables_cpu(j, err);
    if (outputs[REL_H] != NULL)
        SCL_TRY(sum_table(j, REL_H, err));
    return outputs[REL_W] != NULL ? sum_table(j, REL_W, err) : SCL_OK;
}

static scl_status prepare_backward(cl_device *device, const scl_binding *b, scl_launch *launch,
                                   scl_error *err)
{
    char options[160];
    attention_job job = {.device = device,
                         .b = b,
                         .launch = launch,
                         .options = options,
                         .l = cl_attention_lay_out(device, b->node)};
    make_options(&job.l, device, options);
    SCL_TRY(job.l.cpu ? backward_cpu(&job, err) : backward_generic(&job, err));
    if (job.l.has_pad_grad)
        SCL_TRY(sum_pad(&job, err));
    return sum_tables(&job, err);
}

const cl_op cl_op_attention = {.prepare = prepare_attention, .workspace = attention_workspace};
const cl_op cl_op_attention_backward = {.prepare = prepare_backward,
                                        .workspace = attention_workspace};
