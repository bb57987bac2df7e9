#include "opencl/pointwise_text.h"

#include <string.h>

static int32_t of_step(int i)
{
    return SCL_POINTWISE_INPUTS + i;
}

static void write_arguments(const scl_node *node, scl_str *out)
{
    scl_str_add(out, "#define ARGUMENTS");
    for (int k = 0; k < node->input_count; k++)
        scl_str_add(out, " __global const float *x%d, int4 at%d,", k, k);
    for (int k = 0; k < node->output_count; k++)
        scl_str_add(out,
                    k < node->program->sum_count ? " __global float *z%d, int start%d,"
                                                 : " __global float *y%d,",
                    k, k);
    scl_str_add(out, "\n");
}

static void write_row(const scl_node *node, const bool *steps, scl_str *out)
{
    scl_str_add(out, "#define ROW(from)");
    for (int k = 0; k < node->input_count; k++)
        scl_str_add(out,
                    steps[k] ? " __global const float *p%d = x%d + row_start(index, at%d) + (from);"
                             : " const float c%d = x%d[row_start(index, at%d)];",
                    k, k, k);
    for (int k = node->program->sum_count; k < node->output_count; k++)
        scl_str_add(out, " __global float *q%d = y%d + (size_t)row * inner + (from);", k, k);
    scl_str_add(out, "\n");
}

/* By its bits: no decimal is exact, and no locale puts a comma into them. */
static void write_float(float value, scl_str *out)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    scl_str_add(out, "as_float(0x%08xu)", bits);
}

static void write_step(const scl_pointwise_step *s, int index, scl_str *out)
{
    scl_str_add(out, " T v%d = ", of_step(index));
    if (s->op == SCL_POINTWISE_CONSTANT) {
        scl_str_add(out, "(T)(");
        write_float(s->scalar[0], out);
        scl_str_add(out, ");");
        return;
    }
    scl_str_add(out, "op_%s(v%d, ", scl_op_describe((scl_op)s->op)->name, s->x);
    if (scl_op_has_two_inputs((scl_op)s->op)) {
        scl_str_add(out, "v%d);", s->y);
        return;
    }
    write_float(s->scalar[0], out);
    scl_str_add(out, ", ");
    write_float(s->scalar[1], out);
    scl_str_add(out, ");");
}

static void write_steps(const scl_node *node, const bool *steps, scl_str *out)
{
    const scl_pointwise *p = node->program;
    scl_str_add(out, "#define STEPS(T, AT)");
    for (int k = 0; k < node->input_count; k++)
        scl_str_add(out, steps[k] ? " T v%d = AT(p%d + i);" : " T v%d = (T)(c%d);", k, k);
    for (int i = 0; i < p->step_count; i++)
        write_step(&p->steps[i], i, out);
    scl_str_add(out, "\n#define STORE(SET)");
    for (int k = p->sum_count; k < node->output_count; k++)
        scl_str_add(out, " SET(q%d + i, v%d);", k, (int)p->outputs[k].value);
    scl_str_add(out, "\n");
}

static void write_sums(const scl_pointwise *p, scl_str *out)
{
    scl_str_add(out, "#define SUMS %d\n#define BEGIN_SUMS", (int)p->sum_count);
    for (int k = 0; k < p->sum_count; k++)
        scl_str_add(out, " floatV wide%d = 0; float rest%d = 0;", k, k);
    scl_str_add(out, "\n#define ADD(to)");
    for (int k = 0; k < p->sum_count; k++)
        scl_str_add(out, " to##%d += v%d;", k, (int)p->outputs[k].value);
    scl_str_add(out, "\n#define END_SUMS(part)");
    for (int k = 0; k < p->sum_count; k++)
        scl_str_add(out, " float total%d = group_sum(sumV(wide%d) + rest%d);", k, k, k);
    scl_str_add(out, " if (get_local_id(0) == 0) {");
    for (int k = 0; k < p->sum_count; k++)
        scl_str_add(out, " z%d[start%d + (part)] = total%d;", k, k, k);
    scl_str_add(out, " }\n");
}

void cl_pointwise_write(const scl_node *node, const bool *steps, scl_str *out)
{
    write_arguments(node, out);
    write_row(node, steps, out);
    write_steps(node, steps, out);
    write_sums(node->program, out);
}
