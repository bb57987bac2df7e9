/* ops_attention.c — attention and its gradients: which kernels, and the arguments that they share.
 */
#include "opencl/attention_job.h"

#include <stdio.h>

static size_t attention_workspace(cl_device *device, const scl_node *node)
{
    return (size_t)cl_attention_lay_out(device, node).total * sizeof(cl_float);
}

/* ------------------------------------------------------------------ arguments */

void cl_attention_arg_geometry(cl_args *args, const attention_job *j)
{
    const cl_attention_layout *l = &j->l;
    const scl_attention_attr *a = l->attr;
    const int64_t values[] = {a->q_h,   a->q_w,   a->k_h,       a->k_w,
                              l->win_h, l->win_w, l->windows_x, l->windows};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        cl_arg_int(args, values[i]);
}

void cl_attention_arg_values(cl_args *args, const attention_job *j)
{
    const cl_attention_layout *l = &j->l;
    cl_arg_buffer(args, j->b->workspace);
    const int64_t at[] = {l->lse, l->delta, l->by_row, l->by_col, l->d_by_row, l->d_by_col};
    for (size_t i = 0; i < sizeof at / sizeof *at; i++)
        cl_arg_long(args, at[i] == CL_NOT_USED ? 0 : at[i]);
    cl_arg_int(args, l->queries);
}

void cl_attention_arg_columns(cl_args *args, const attention_job *j, int input)
{
    const scl_attention_attr *a = j->l.attr;
    cl_arg_int(args, j->b->node->inputs[input]->shape.dim[2]);
    cl_arg_int(args, input == Q ? a->q_col : input == K ? a->k_col : input == V ? a->v_col : 0);
}

void cl_attention_arg_key_gradients(cl_args *args, const attention_job *j)
{
    bool packed = j->b->node->inputs[Q] == j->b->node->inputs[K];
    cl_arg_buffer(args, j->b->outputs[packed ? Q : K]);
    cl_arg_buffer(args, j->b->outputs[packed ? Q : V]);
}

bool cl_attention_wants_tables(const attention_job *j)
{
    return j->b->outputs[REL_H] != NULL || j->b->outputs[REL_W] != NULL;
}

scl_status cl_attention_add(const attention_job *j, const char *file, const char *kernel,
                            const char *options, int64_t items, int64_t group, const cl_args *args,
                            scl_error *err)
{
    cl_work work = {
        .file = file,
        .kernel = kernel,
        .options = options,
        .global = {(size_t)items, (size_t)(j->l.windows * j->l.attr->heads), (size_t)j->l.batch},
        .local = {(size_t)group, 1, 1}};
    return cl_launch_add(j->device, j->launch, &work, args, err);
}

/* ------------------------------------------------------------------ the ops */

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

/* Of the table at `first` among both tables' rows. */
static scl_status sum_table(const attention_job *j, int output, int64_t first, int64_t rows,
                            scl_error *err)
{
    const cl_tuning *tuning = &j->device->tuning;
    int64_t width = j->l.attr->head_dim, count = rows * width;
    if (j->b->outputs[output] == NULL)
        return SCL_OK;
    cl_args args = {0};
    cl_arg_buffer(&args, j->b->workspace);
    cl_arg_long(&args, j->l.table_parts + first * width);
    cl_arg_buffer(&args, j->b->outputs[output]);
    cl_arg_int(&args, count);
    cl_arg_int(&args, j->l.groups);
    cl_arg_int(&args, j->l.table_rows * width);
    cl_work work = {.file = "attention_sums",
                    .kernel = "sum_parts",
                    .options = j->options,
                    .global = {cl_ceil_div((size_t)count, (size_t)tuning->vector_width)},
                    .local = {(size_t)tuning->chunk_items}};
    return cl_launch_add(j->device, j->launch, &work, &args, err);
}

static scl_status sum_shared(const attention_job *j, scl_error *err)
{
    int64_t rows_h = 2 * j->l.win_h - 1, rows_w = 2 * j->l.win_w - 1;
    SCL_TRY(sum_table(j, REL_H, 0, rows_h, err));
    SCL_TRY(sum_table(j, REL_W, rows_h, rows_w, err));
    return j->l.has_pad_grad ? sum_pad(j, err) : SCL_OK;
}

static scl_status prepare(cl_device *device, const scl_binding *b, scl_launch *launch,
                          scl_error *err)
{
    char options[CL_ATTENTION_OPTIONS];
    attention_job job = {.device = device,
                         .b = b,
                         .launch = launch,
                         .options = options,
                         .l = cl_attention_lay_out(device, b->node)};
    const cl_attention_layout *l = &job.l;
    int used = snprintf(options, sizeof options, "-DD=%d -DREL_H=%d -DREL_W=%d -DWINDOWED=%d",
                        (int)l->attr->head_dim, l->has_rel ? (int)l->win_h : 0,
                        l->has_rel ? (int)l->win_w : 0, l->attr->window > 0);
    if (l->cpu)
        snprintf(options + used, sizeof options - (size_t)used, " -DKB=%d -DMR=%d -DTILES=%d",
                 (int)l->block, device->tuning.gemm_rows, (int)l->tiles_each);
    if (!l->backward)
        return l->cpu ? cl_attention_forward_cpu(&job, err) : cl_attention_forward_tiled(&job, err);
    SCL_TRY(l->cpu ? cl_attention_backward_cpu(&job, err) : cl_attention_backward_tiled(&job, err));
    return sum_shared(&job, err);
}

const cl_op cl_op_attention = {.prepare = prepare, .workspace = attention_workspace};
const cl_op cl_op_attention_backward = {.prepare = prepare, .workspace = attention_workspace};
