/* pointwise_program.c — a group as one program: from each stored result back to the inputs. */
#include "graph/pointwise_groups.h"

#include "base/str.h"

typedef struct writer {
    pointwise_fuser *f;
    const pointwise_group *group;
    size_t index;
    scl_pointwise *program;
    scl_tensor *inputs[SCL_POINTWISE_INPUTS], *outputs[SCL_POINTWISE_OUTPUTS];
    int input_count, output_count;
    int launches; /* that the nodes would have taken */
    bool too_large;
} writer;

static int32_t write_value(writer *w, scl_tensor *value);

static int32_t add_step(writer *w, scl_pointwise_step step)
{
    scl_pointwise *p = w->program;
    for (int32_t i = 0; i < p->step_count; i++) {
        const scl_pointwise_step *s = &p->steps[i];
        if (s->op == step.op && s->x == step.x && s->y == step.y &&
            pointwise_same_scalars(s->scalar, step.scalar))
            return SCL_POINTWISE_INPUTS + i;
    }
    if (p->step_count == SCL_POINTWISE_STEPS) {
        w->too_large = true;
        return 0;
    }
    p->steps[p->step_count] = step;
    return SCL_POINTWISE_INPUTS + p->step_count++;
}

/* How an input of shape `have` is walked in the domain of `shape`, which it broadcasts to. */
static void find_strides(scl_shape have, scl_shape shape, int64_t stride[SCL_MAX_DIMS])
{
    int64_t step = 1;
    int at = SCL_MAX_DIMS;
    for (int i = 1; i <= shape.ndim; i++) {
        int64_t size = i <= have.ndim ? have.dim[have.ndim - i] : 1;
        if (shape.dim[shape.ndim - i] != 1)
            stride[--at] = size == 1 ? 0 : step;
        step *= size;
    }
}

static int32_t add_input(writer *w, scl_tensor *value, scl_shape have, scl_shape shape)
{
    int64_t stride[SCL_MAX_DIMS] = {0};
    find_strides(have, shape, stride);
    for (int i = 0; i < w->input_count; i++)
        if (w->inputs[i] == value && memcmp(w->program->stride[i], stride, sizeof stride) == 0)
            return i;
    if (w->input_count == SCL_POINTWISE_INPUTS) {
        w->too_large = true;
        return 0;
    }
    memcpy(w->program->stride[w->input_count], stride, sizeof stride);
    w->inputs[w->input_count] = value;
    return w->input_count++;
}

static bool is_made_here(const writer *w, const scl_tensor *value)
{
    const pointwise_fuser *f = w->f;
    if (!pointwise_is_map(f->maker[value->id]))
        return false;
    bool is_there = f->stored[value->id] && f->from[value->id] != 0;
    return f->group_of[value->id] == (int32_t)w->index + 1 ||
           (!w->group->plain && f->cost[value->id] >= 0 && !is_there);
}

/* What a node of output `shape` reads. */
static int32_t write_operand(writer *w, scl_tensor *tensor, scl_shape shape)
{
    pointwise_fuser *f = w->f;
    scl_tensor *value = pointwise_value(f, tensor);
    if (f->is_constant[value->id])
        return write_value(w, value);
    if (pointwise_same_domain(tensor->shape, shape) && is_made_here(w, value))
        return write_value(w, value);
    f->stored[value->id] = true;
    return add_input(w, value, tensor->shape, shape);
}

static int32_t write_node(writer *w, const scl_node *node)
{
    scl_shape shape = node->outputs[0]->shape;
    int32_t x = write_operand(w, node->inputs[0], shape);
    if (node->op == SCL_OP_BROADCAST)
        return x;
    bool two = scl_op_has_two_inputs(node->op);
    scl_pointwise_step step = {.op = (int32_t)node->op, .x = x};
    if (two)
        step.y = write_operand(w, node->inputs[1], shape);
    else
        memcpy(step.scalar, node->attr.scalar, sizeof step.scalar);
    w->launches++;
    return add_step(w, step);
}

static int32_t write_value(writer *w, scl_tensor *value)
{
    int32_t *number = &w->f->number[value->id];
    if (*number == 0) {
        const scl_node *node = w->f->maker[value->id];
        const scl_pointwise_step constant = {.op = SCL_POINTWISE_CONSTANT,
                                             .scalar = {node == NULL ? value->values[0] : 0, 0}};
        *number = 1 + (node == NULL ? add_step(w, constant) : write_node(w, node));
    }
    return *number - 1;
}

static void write_output(writer *w, scl_tensor *value)
{
    scl_pointwise *p = w->program;
    const scl_node *node = w->f->maker[value->id];
    bool is_sum = node->op == SCL_OP_SUM;
    if (w->output_count == SCL_POINTWISE_OUTPUTS || p->sum_count == SCL_POINTWISE_SUMS) {
        w->too_large = true;
        return;
    }
    scl_pointwise_output *out = &p->outputs[w->output_count];
    out->value =
        is_sum ? write_operand(w, node->inputs[0], node->inputs[0]->shape) : write_value(w, value);
    out->sums = is_sum ? scl_shape_count(value->shape) : 0;
    p->sum_count += is_sum;
    w->launches += is_sum;
    w->outputs[w->output_count++] = value;
}

/* Sums first. */
static void write_outputs(writer *w)
{
    pointwise_fuser *f = w->f;
    for (int sums = 1; sums >= 0; sums--)
        for (size_t i = 0; i < f->graph->tensor_count && !w->too_large; i++)
            if (f->group_of[i] == (int32_t)w->index + 1 && f->stored[i] &&
                (f->maker[i]->op == SCL_OP_SUM) == (sums == 1))
                write_output(w, f->graph->tensors[i]);
}

static bool try_program(writer *w, pointwise_fuser *f, size_t group)
{
    *w = (writer){.f = f, .group = &f->groups[group], .index = group};
    w->program = scl_arena_alloc(&f->graph->arena, sizeof *w->program);
    if (w->program == NULL) {
        scl_graph_out_of_memory(f->graph, sizeof *w->program, "fusing");
        return false;
    }
    memset(f->number, 0, f->graph->tensor_count * sizeof *f->number);
    memcpy(w->program->size, w->group->size, sizeof w->program->size);
    write_outputs(w);
    return !w->too_large;
}

/* The nodes stay, and what they read is there for them. */
static void keep_separate(pointwise_fuser *f, size_t group)
{
    f->groups[group].separate = true;
    for (size_t i = f->graph->tensor_count; i-- > 0;) {
        if (f->group_of[i] != (int32_t)group + 1 || !f->stored[i])
            continue;
        const scl_node *node = f->maker[i];
        for (int k = 0; k < node->input_count; k++)
            f->stored[pointwise_value(f, node->inputs[k])->id] = true;
    }
}

/* The scopes of the members, each once. */
static const char *scope_of(const pointwise_fuser *f, size_t group)
{
    scl_str text = {0};
    const char *last = "";
    for (size_t i = 0; i < f->graph->tensor_count; i++) {
        if (f->group_of[i] != (int32_t)group + 1)
            continue;
        const char *scope = f->maker[i]->scope;
        if (strcmp(scope, last) == 0 || strstr(scl_str_text(&text), scope) != NULL)
            continue;
        scl_str_add(&text, "%s%s", text.length > 0 ? ", " : "", scope);
        last = scope;
    }
    const char *copy = scl_arena_strdup(&f->graph->arena, scl_str_text(&text));
    scl_str_free(&text);
    return copy;
}

static void make_node(writer *w)
{
    scl_graph *g = w->f->graph;
    scl_node *node = scl_node_add(g, SCL_OP_POINTWISE, w->inputs, w->input_count, w->output_count);
    const char *scope = scope_of(w->f, w->index);
    if (scope == NULL)
        scl_graph_out_of_memory(g, 1, "fusing");
    if (node == NULL || scope == NULL)
        return;
    node->program = w->program;
    node->scope = scope;
    for (int i = 0; i < w->output_count; i++) {
        node->outputs[i] = w->outputs[i];
        w->outputs[i]->producer = node;
    }
    w->f->groups[w->index].node = node;
}

void pointwise_write_program(pointwise_fuser *f, size_t group)
{
    writer w;
    bool fits = try_program(&w, f, group);
    if (!fits && w.too_large) {
        f->groups[group].plain = true;
        fits = try_program(&w, f, group);
    }
    if (!fits || w.launches < 2 || w.input_count == 0)
        keep_separate(f, group);
    else
        make_node(&w);
}
