/* own_op.c — a plugin's own ops: what it passes is checked and becomes a node of the graph. */
#include "plugin/builder.h"

#include "base/str.h"

#include <math.h>
#include <string.h>

#define MAX_WORD  64
#define MAX_ITEMS ((int64_t)1 << 40)
#define MAX_GROUP 1024

/* What version 1.1 had. */
#define OP_BYTES   (offsetof(scl_own_op, gradient) + sizeof(void (*)(void)))
#define CALL_BYTES (offsetof(scl_own_call, flops) + sizeof(double))

/* A letter or _, then letters, digits and _. */
static bool is_identifier(const char *name)
{
    size_t length = name != NULL ? strlen(name) : 0;
    bool right = length >= 1 && length <= MAX_WORD && !(name[0] >= '0' && name[0] <= '9');
    for (size_t i = 0; i < length && right; i++)
        right = (name[i] >= 'a' && name[i] <= 'z') || (name[i] >= 'A' && name[i] <= 'Z') ||
                (name[i] >= '0' && name[i] <= '9') || name[i] == '_';
    return right;
}

/* ------------------------------------------------------------------ checks of what was passed */

static bool read_op(scl_graph *g, const scl_own_op *passed, scl_own_op *op)
{
    if (passed == NULL || passed->struct_size < OP_BYTES || passed->struct_size > sizeof *op) {
        scl_graph_fail(g, "own: its scl_own_op must begin with its size, %zu", sizeof *op);
        return false;
    }
    memcpy(op, passed, passed->struct_size);
    if (!is_identifier(op->name))
        scl_graph_fail(g, "own: an op's name is letters, digits and _, at most %d long", MAX_WORD);
    else if (op->source == NULL || op->source[0] == '\0')
        scl_graph_fail(g, "own op %s: it has no source", op->name);
    else if (op->reference == NULL)
        scl_graph_fail(g, "own op %s: it has no reference function", op->name);
    return g->error.status == SCL_OK;
}

static bool in_range(int32_t count, const void *list, int32_t least, int32_t most)
{
    return count >= least && count <= most && (count == 0 || list != NULL);
}

static bool read_call(scl_graph *g, const char *op, const scl_own_call *passed, scl_own_call *call)
{
    if (passed == NULL || passed->struct_size < CALL_BYTES || passed->struct_size > sizeof *call) {
        scl_graph_fail(g, "own op %s: its scl_own_call must begin with its size, %zu", op,
                       sizeof *call);
        return false;
    }
    memcpy(call, passed, passed->struct_size);
    const scl_own_call *c = call;
    if (!in_range(c->input_count, c->inputs, 1, SCL_OWN_MAX_INPUTS) ||
        !in_range(c->output_count, c->outputs, 1, SCL_OWN_MAX_OUTPUTS))
        scl_graph_fail(g, "own op %s: needs 1 to %d inputs and 1 to %d outputs, found %d and %d",
                       op, SCL_OWN_MAX_INPUTS, SCL_OWN_MAX_OUTPUTS, c->input_count,
                       c->output_count);
    else if (!in_range(c->int_count, c->ints, 0, SCL_OWN_MAX_NUMBERS) ||
             !in_range(c->float_count, c->floats, 0, SCL_OWN_MAX_NUMBERS))
        scl_graph_fail(g, "own op %s: takes at most %d ints and %d floats, found %d and %d", op,
                       SCL_OWN_MAX_NUMBERS, SCL_OWN_MAX_NUMBERS, c->int_count, c->float_count);
    else if (!in_range(c->launch_count, c->launches, 1, SCL_OWN_MAX_LAUNCHES))
        scl_graph_fail(g, "own op %s: needs 1 to %d launches, found %d", op, SCL_OWN_MAX_LAUNCHES,
                       c->launch_count);
    else if (c->workspace < 0 || c->workspace > MAX_ITEMS || !isfinite(c->flops) || c->flops < 0)
        scl_graph_fail(g, "own op %s: needs a workspace and flops of at least 0", op);
    return g->error.status == SCL_OK;
}

static bool check_tensors(scl_plugin_builder *b, const char *op, const scl_own_call *call)
{
    for (int i = 0; i < call->input_count; i++)
        if (call->inputs[i] != NULL && !scl_plugin_builder_has(b, call->inputs[i]))
            scl_graph_fail(b->graph, "own op %s: input %d is not of this graph", op, i);
    for (int i = 0; i < call->output_count; i++) {
        const scl_own_output *output = &call->outputs[i];
        scl_shape ignored;
        if (output->type > SCL_VALUE_INT32)
            scl_graph_fail(b->graph, "own op %s: output %d has the unknown type %u", op, i,
                           (unsigned)output->type);
        if (!scl_plugin_builder_shape(b, op, output->ndim, output->dims, &ignored))
            return false;
    }
    return b->graph->error.status == SCL_OK;
}

static bool check_launches(scl_graph *g, const char *op, const scl_own_call *call)
{
    for (int i = 0; i < call->launch_count; i++) {
        const scl_own_launch *l = &call->launches[i];
        if (!is_identifier(l->kernel))
            scl_graph_fail(g, "own op %s: launch %d names no kernel", op, i);
        else if (l->items < 1 || l->items > MAX_ITEMS || l->group < 0 || l->group > MAX_GROUP)
            scl_graph_fail(g,
                           "own op %s: kernel `%s` needs 1 to 2^40 work-items in groups of 0 to %d",
                           op, l->kernel, MAX_GROUP);
    }
    return g->error.status == SCL_OK;
}

/* ------------------------------------------------------------------ the node's record */

/* A compiler's option per number. */
static const char *write_defines(scl_graph *g, const char *label, const scl_own_call *call)
{
    scl_str text = {0};
    for (int i = 0; i < call->int_count + call->float_count; i++) {
        bool is_int = i < call->int_count;
        const scl_own_float *real = &call->floats[is_int ? 0 : i - call->int_count];
        const char *name = is_int ? call->ints[i].name : real->name;
        if (!is_identifier(name) || strcmp(name, "IS_CPU") == 0 ||
            (!is_int && !isfinite(real->value)))
            scl_graph_fail(g,
                           "own op %s: number %d needs a name of letters, digits and _, other "
                           "than IS_CPU, and a finite value",
                           label, i);
        else if (is_int)
            scl_str_add(&text, " -D%s=%lld", name, (long long)call->ints[i].value);
        else
            scl_str_add(&text, " -D%s=%af", name, (double)(float)real->value);
    }
    const char *copy = text.failed ? NULL : scl_arena_strdup(&g->arena, scl_str_text(&text));
    if (copy == NULL)
        scl_graph_out_of_memory(g, text.length, "an own op");
    scl_str_free(&text);
    return copy;
}

/* A list in the graph's arena; NULL when empty or out of memory. */
static void *keep(scl_graph *g, const void *list, int32_t count, size_t size)
{
    void *copy = count > 0 ? scl_arena_alloc(&g->arena, (size_t)count * size) : NULL;
    if (count > 0 && copy == NULL)
        return scl_graph_out_of_memory(g, (size_t)count * size, "an own op");
    return count > 0 ? memcpy(copy, list, (size_t)count * size) : NULL;
}

static void keep_numbers(scl_graph *g, scl_own_use *use, const scl_own_call *call)
{
    int64_t ints[SCL_OWN_MAX_NUMBERS];
    double floats[SCL_OWN_MAX_NUMBERS];
    for (int i = 0; i < call->int_count; i++)
        ints[i] = call->ints[i].value;
    for (int i = 0; i < call->float_count; i++)
        floats[i] = call->floats[i].value;
    use->int_count = call->int_count;
    use->float_count = call->float_count;
    use->ints = keep(g, ints, call->int_count, sizeof *ints);
    use->floats = keep(g, floats, call->float_count, sizeof *floats);
}

static void keep_launches(scl_graph *g, scl_own_use *use, const scl_own_call *call)
{
    scl_own_launch *launches = keep(g, call->launches, call->launch_count, sizeof *call->launches);
    for (int i = 0; launches != NULL && i < call->launch_count; i++) {
        launches[i].kernel = scl_arena_strdup(&g->arena, call->launches[i].kernel);
        if (launches[i].kernel == NULL)
            scl_graph_out_of_memory(g, MAX_WORD, "an own op");
    }
    use->launches = launches;
    use->launch_count = call->launch_count;
}

static scl_hash128 join_text(scl_hash128 hash, const char *text)
{
    return scl_hash128_join(hash, scl_hash128_of(text, strlen(text)));
}

/* Of the plugin's file, which has the reference function, the source, the numbers and launches. */
static scl_hash128 identity_of(const scl_plugin_builder *b, const scl_own_use *use)
{
    scl_hash128 hash = join_text(b->file->code, use->op.source);
    hash = join_text(hash, use->defines);
    for (int i = 0; i < use->launch_count; i++) {
        const int64_t sizes[] = {use->launches[i].items, use->launches[i].group, use->workspace};
        hash = join_text(hash, use->launches[i].kernel);
        hash = scl_hash128_join(hash, scl_hash128_of(sizes, sizeof sizes));
    }
    return hash;
}

/* ------------------------------------------------------------------ the derivative */

static bool fits(const scl_plugin_builder *b, const scl_tensor *dx, const scl_tensor *x)
{
    return dx == NULL || (scl_plugin_builder_has(b, dx) && dx->dtype == SCL_F32 &&
                          scl_shape_equal(dx->shape, x->shape));
}

static void check_gradients(scl_plugin_builder *b, const scl_node *node, scl_tensor **dx)
{
    for (int i = 0; i < node->input_count; i++) {
        const scl_tensor *x = node->inputs[i];
        char text[SCL_SHAPE_TEXT];
        if (!x->needs_grad)
            dx[i] = NULL;
        else if (!fits(b, dx[i], x))
            scl_graph_fail(b->graph,
                           "own op %s: the gradient of input %d must be a float32 tensor of this "
                           "graph and of shape %s",
                           node->own->op.name, i, scl_shape_text(x->shape, text));
    }
}

static void differentiate(scl_graph *g, const scl_node *node, scl_tensor *const *dy,
                          scl_tensor **dx)
{
    const scl_own_use *own = node->own;
    scl_plugin_builder b;
    int32_t wanted[SCL_OWN_MAX_INPUTS] = {0};
    for (int i = 0; i < node->input_count; i++)
        wanted[i] = node->inputs[i]->needs_grad;
    const scl_own_gradient given = {.struct_size = sizeof given,
                                    .input_count = node->input_count,
                                    .output_count = node->output_count,
                                    .int_count = own->int_count,
                                    .float_count = own->float_count,
                                    .inputs = node->inputs,
                                    .outputs = node->outputs,
                                    .dy = dy,
                                    .wanted = wanted,
                                    .dx = dx,
                                    .ints = own->ints,
                                    .floats = own->floats};
    if (!scl_plugin_builder_begin(&b, g, own->plugin, node->scope, NULL))
        return;
    own->op.gradient(&b.table, &given);
    if (g->error.status == SCL_OK)
        check_gradients(&b, node, dx);
    scl_plugin_builder_end(&b);
}

/* ------------------------------------------------------------------ the function of the table */

static scl_own_use *make_use(const scl_plugin_builder *b, const scl_own_op *op,
                             const scl_own_call *call)
{
    scl_graph *g = b->graph;
    scl_own_use *use = scl_arena_alloc(&g->arena, sizeof *use);
    const char *id = b->file->facts.plugin.id;
    const char *label = scl_arena_printf(&g->arena, "%s.%s", id, op->name);
    if (use == NULL || label == NULL)
        return scl_graph_out_of_memory(g, sizeof *use, "an own op");
    *use = (scl_own_use){.op = *op,
                         .label = label,
                         .plugin = b->file,
                         .gradient = op->gradient != NULL ? differentiate : NULL,
                         .defines = write_defines(g, label, call),
                         .workspace = call->workspace,
                         .flops = call->flops};
    keep_numbers(g, use, call);
    keep_launches(g, use, call);
    return g->error.status == SCL_OK ? use : NULL;
}

scl_tensor *scl_plugin_builder_own(scl_builder *builder, const scl_own_op *passed,
                                   const scl_own_call *use, scl_tensor **outputs)
{
    scl_plugin_builder *b = builder->host;
    scl_graph *g = b->graph;
    scl_own_op op = {0};
    scl_own_call call = {0};
    scl_tensor *results[SCL_OWN_MAX_OUTPUTS] = {NULL};
    if (!read_op(g, passed, &op) || !read_call(g, op.name, use, &call))
        return NULL;
    for (int i = 0; i < call.output_count && outputs != NULL; i++)
        outputs[i] = NULL;
    if (!check_tensors(b, op.name, &call) || !check_launches(g, op.name, &call))
        return NULL;
    for (int i = 0; i < call.input_count; i++)
        if (call.inputs[i] == NULL)
            return NULL;
    const scl_own_use *made = make_use(b, &op, &call);
    if (made == NULL)
        return NULL;
    scl_own(g, made, identity_of(b, made), call.inputs, call.input_count, call.outputs,
            call.output_count, results);
    for (int i = 0; i < call.output_count && outputs != NULL; i++)
        outputs[i] = results[i];
    return results[0];
}
