/* attention_cpu.c — attention on CPU devices: the order of the kernels, and what each is given. */
#include "opencl/attention_job.h"

static scl_status add_groups(const attention_job *j, const char *file, const char *kernel,
                             int64_t items, const cl_args *args, scl_error *err)
{
    return cl_attention_add(j, file, kernel, j->options, items, 1, args, err);
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
    cl_attention_arg_columns(args, j, input);
    cl_arg_int(args, j->l.attr->heads);
}

static scl_status pack_panels(const attention_job *j, int input, int64_t at, scl_error *err)
{
    cl_args args = {0};
    arg_packing(&args, j, input, at);
    cl_arg_int(&args, j->l.blocks);
    cl_attention_arg_geometry(&args, j);
    return add_groups(j, cpu_file(j), "pack_panels", j->l.blocks * j->l.block_panels, &args, err);
}

static scl_status pack_strips(const attention_job *j, int input, int64_t at, scl_error *err)
{
    bool keys = input == K || input == V;
    int64_t count = keys ? j->l.keys : j->l.queries;
    cl_args args = {0};
    arg_packing(&args, j, input, at);
    cl_arg_int(&args, keys);
    cl_arg_int(&args, count);
    cl_attention_arg_geometry(&args, j);
    size_t items = cl_ceil_div((size_t)count, (size_t)j->device->tuning.vector_width);
    return add_groups(j, cpu_file(j), "pack_strips", (int64_t)items, &args, err);
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

scl_status cl_attention_forward_cpu(const attention_job *j, scl_error *err)
{
    const cl_attention_layout *l = &j->l;
    SCL_TRY(pack_tables(j, err));
    SCL_TRY(pack_panels(j, K, l->k_panels, err));
    SCL_TRY(pack_strips(j, V, l->v_strips, err));
    cl_args args = {0};
    cl_arg_buffer(&args, j->b->inputs[Q]);
    cl_arg_buffer(&args, j->b->inputs[PAD]);
    cl_arg_buffer(&args, j->b->inputs[KEY_COUNT]);
    cl_arg_buffer(&args, j->b->workspace);
    cl_arg_buffer(&args, j->b->outputs[0]);
    cl_arg_buffer(&args, j->b->outputs[1]);
    cl_arg_int(&args, l->attr->heads);
    cl_attention_arg_columns(&args, j, Q);
    cl_arg_int(&args, l->attr->k_col);
    cl_arg_int(&args, l->attr->v_col);
    cl_arg_float(&args, l->attr->scale);
    cl_arg_long(&args, l->k_panels);
    cl_arg_long(&args, l->v_strips);
    cl_arg_long(&args, l->has_rel ? l->tables : 0);
    cl_arg_int(&args, l->blocks);
    cl_attention_arg_geometry(&args, j);
    size_t items = cl_ceil_div((size_t)l->query_tiles, (size_t)l->tiles_each);
    return add_groups(j, "cpu/attention", "attention", (int64_t)items, &args, err);
}

static scl_status begin_queries(const attention_job *j, scl_error *err)
{
    cl_args args = {0};
    const int buffers[] = {Q, OUT, LSE, DOUT, DLSE};
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
        cl_arg_buffer(&args, j->b->inputs[buffers[i]]);
    cl_arg_int(&args, j->l.attr->heads);
    cl_attention_arg_columns(&args, j, Q);
    cl_arg_float(&args, j->l.attr->scale);
    cl_arg_long(&args, j->l.q_columns);
    cl_arg_long(&args, j->l.dout_columns);
    cl_arg_long(&args, j->l.has_rel ? j->l.tables : 0);
    cl_arg_long(&args, j->l.has_rel ? j->l.terms : 0);
    cl_attention_arg_values(&args, j);
    cl_attention_arg_geometry(&args, j);
    return add_groups(j, "cpu/attention_backward", "begin_queries", j->l.query_tiles, &args, err);
}

static scl_status finish_queries(const attention_job *j, scl_error *err)
{
    cl_args args = {0};
    cl_arg_buffer(&args, j->b->inputs[REL_H]);
    cl_arg_buffer(&args, j->b->inputs[REL_W]);
    cl_arg_buffer(&args, j->b->outputs[Q]);
    cl_arg_int(&args, j->l.attr->heads);
    cl_attention_arg_columns(&args, j, Q);
    cl_arg_float(&args, j->l.attr->scale);
    cl_arg_long(&args, j->l.dq_parts);
    cl_arg_long(&args, j->l.has_rel ? j->l.col_parts : 0);
    cl_arg_int(&args, j->l.key_chunks);
    cl_attention_arg_values(&args, j);
    cl_attention_arg_geometry(&args, j);
    return add_groups(j, "cpu/attention_backward", "finish_queries", j->l.query_tiles, &args, err);
}

static scl_status pack_for_backward(const attention_job *j, scl_error *err)
{
    const cl_attention_layout *l = &j->l;
    SCL_TRY(pack_tables(j, err));
    SCL_TRY(pack_panels(j, K, l->k_panels, err));
    SCL_TRY(pack_panels(j, V, l->v_panels, err));
    SCL_TRY(pack_strips(j, Q, l->q_strips, err));
    SCL_TRY(pack_strips(j, K, l->k_strips, err));
    SCL_TRY(pack_strips(j, DOUT, l->dout_strips, err));
    return begin_queries(j, err);
}

/* Also where no window of the grid is padded, if the padding's gradient is asked for. */
static scl_status pass_padding(const attention_job *j, scl_error *err)
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
    const int64_t at[] = {l->q_strips,
                          l->dout_strips,
                          l->has_rel ? l->terms : 0,
                          l->dq_parts,
                          l->has_rel ? l->col_parts : 0,
                          l->pad_parts};
    for (size_t i = 0; i < sizeof at / sizeof *at; i++)
        cl_arg_long(&args, at[i]);
    cl_arg_int(&args, l->key_chunks);
    cl_arg_int(&args, l->query_tiles);
    cl_attention_arg_values(&args, j);
    cl_attention_arg_geometry(&args, j);
    return add_groups(j, "cpu/attention_backward", "pass_padding", 1, &args, err);
}

static scl_status make_table_parts(const attention_job *j, scl_error *err)
{
    if (!cl_attention_wants_tables(j))
        return SCL_OK;
    cl_args args = {0};
    cl_arg_int(&args, j->l.attr->heads);
    cl_arg_long(&args, j->l.q_strips);
    cl_arg_long(&args, j->l.table_parts);
    cl_attention_arg_values(&args, j);
    cl_attention_arg_geometry(&args, j);
    return add_groups(j, "cpu/attention_backward", "make_table_parts", 2, &args, err);
}

scl_status cl_attention_backward_cpu(const attention_job *j, scl_error *err)
{
    SCL_TRY(pack_for_backward(j, err));
    const cl_attention_layout *l = &j->l;
    cl_args args = {0};
    cl_arg_buffer(&args, j->b->inputs[KEY_COUNT]);
    cl_attention_arg_key_gradients(&args, j);
    cl_arg_int(&args, l->attr->heads);
    cl_attention_arg_columns(&args, j, K);
    cl_attention_arg_columns(&args, j, V);
    cl_arg_float(&args, l->attr->scale);
    const int64_t at[] = {l->q_columns, l->dout_columns, l->k_panels,   l->v_panels,
                          l->q_strips,  l->k_strips,     l->dout_strips};
    for (size_t i = 0; i < sizeof at / sizeof *at; i++)
        cl_arg_long(&args, at[i]);
    cl_arg_long(&args, l->has_rel ? l->terms : 0);
    cl_arg_long(&args, l->dq_parts);
    cl_arg_long(&args, l->has_rel ? l->col_parts : 0);
    cl_arg_int(&args, l->query_tiles);
    cl_arg_int(&args, l->blocks);
    cl_arg_int(&args, l->blocks_each);
    cl_attention_arg_values(&args, j);
    cl_attention_arg_geometry(&args, j);
    SCL_TRY(add_groups(j, "cpu/attention_backward", "backward", l->key_chunks, &args, err));
    SCL_TRY(pass_padding(j, err));
    SCL_TRY(finish_queries(j, err));
    return make_table_parts(j, err);
}
