/* expression.c — an expression from the run file to the graph. */
#include "plugin/expression_names.h"

#include "config/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define LABEL_CHARACTERS 32

typedef struct building {
    const scl_expression *e;
    scl_plugin_builder *host;
    scl_builder *b;
    const scl_loss_inputs *in;
    scl_tensor *names[EXPRESSION_NAMES]; /* as far as they were asked for */
} building;

static scl_tensor *build(building *s, const expression_node *node);

/* ---- names */

static bool is_multiclass(const building *s)
{
    return s->in->task == SCL_TASK_MULTICLASS;
}

static scl_tensor *make_name(building *s, int32_t name)
{
    scl_builder *b = s->b;
    const scl_loss_inputs *in = s->in;
    const int64_t dims[] = {b->dim(b, in->logits, 0), 1, 1, 1};
    switch ((expression_name)name) {
    case EXPRESSION_X:
        return in->logits;
    case EXPRESSION_P:
        return is_multiclass(s) ? b->softmax(b, in->logits, 1) : b->sigmoid(b, in->logits);
    case EXPRESSION_LOGP: /* log sigmoid(x) = -softplus(-x) */
        return is_multiclass(s)
                   ? b->log_softmax(b, in->logits, 1)
                   : b->affine(b, b->softplus(b, b->affine(b, in->logits, -1, 0)), -1, 0);
    case EXPRESSION_T:
        return is_multiclass(s) ? b->one_hot(b, in->target, in->classes, 1) : in->target;
    case EXPRESSION_W:
        return in->weight;
    case EXPRESSION_IOU:
        return b->reshape(b, in->iou_prediction, 4, dims);
    case EXPRESSION_NAMES:
        break;
    }
    return NULL;
}

static scl_tensor *build_name(building *s, int32_t name)
{
    if (s->names[name] == NULL)
        s->names[name] = make_name(s, name);
    return s->names[name];
}

/* ---- operators */

/* Whole powers are products, which have values below zero too. */
static scl_tensor *power(building *s, scl_tensor *x, double exponent)
{
    scl_builder *b = s->b;
    double whole = fabs(exponent);
    if (whole < 1 || whole > 8 || whole != floor(whole))
        return exponent == 0 ? b->affine(b, x, 0, 1) : b->pow(b, x, (float)exponent);
    scl_tensor *square = x, *product = NULL;
    for (int rest = (int)whole; rest > 0; rest /= 2) {
        if (rest % 2 == 1)
            product = product == NULL ? square : b->mul(b, product, square);
        if (rest > 1)
            square = b->mul(b, square, square);
    }
    return exponent < 0 ? b->div(b, b->scalar(b, 1), product) : product;
}

/* x op number or number op x in one step; NULL: there is none. */
static scl_tensor *with_number(building *s, const expression_node *node)
{
    scl_builder *b = s->b;
    double n = 0;
    bool right = expression_constant(node->args[1], &n);
    if (!right && !expression_constant(node->args[0], &n))
        return NULL;
    scl_tensor *x = build(s, node->args[right ? 0 : 1]);
    float value = (float)n;
    switch (node->op) {
    case EXPRESSION_ADD:
        return b->affine(b, x, 1, value);
    case EXPRESSION_SUBTRACT:
        return right ? b->affine(b, x, 1, -value) : b->affine(b, x, -1, value);
    case EXPRESSION_MULTIPLY:
        return b->affine(b, x, value, 0);
    case EXPRESSION_DIVIDE:
        return right ? b->affine(b, x, (float)(1 / n), 0) : b->div(b, b->scalar(b, value), x);
    default:
        return NULL;
    }
}

static scl_tensor *build_operator(building *s, const expression_node *node)
{
    scl_builder *b = s->b;
    double exponent = 0;
    bool arithmetic = node->op < EXPRESSION_POWER;
    if (node->op == EXPRESSION_POWER) {
        expression_constant(node->args[1], &exponent);
        return power(s, build(s, node->args[0]), exponent);
    }
    double n;
    if (arithmetic &&
        (expression_constant(node->args[0], &n) || expression_constant(node->args[1], &n)))
        return with_number(s, node);
    scl_tensor *x = build(s, node->args[0]), *y = build(s, node->args[1]);
    switch (node->op) {
    case EXPRESSION_ADD:
        return b->add(b, x, y);
    case EXPRESSION_SUBTRACT:
        return b->sub(b, x, y);
    case EXPRESSION_MULTIPLY:
        return b->mul(b, x, y);
    case EXPRESSION_DIVIDE:
        return b->div(b, x, y);
    case EXPRESSION_LESS:
        return b->step(b, b->sub(b, y, x));
    case EXPRESSION_GREATER:
        return b->step(b, b->sub(b, x, y));
    case EXPRESSION_AT_MOST:
        return b->affine(b, b->step(b, b->sub(b, x, y)), -1, 1);
    case EXPRESSION_AT_LEAST:
        return b->affine(b, b->step(b, b->sub(b, y, x)), -1, 1);
    case EXPRESSION_POWER:
        break;
    }
    return NULL;
}

/* ---- calls */

static scl_tensor *build_clamp(building *s, const expression_node *node)
{
    double low = 0, high = 0;
    expression_constant(node->args[1], &low);
    expression_constant(node->args[2], &high);
    return s->b->clamp(s->b, build(s, node->args[0]), (float)low, (float)high);
}

static scl_tensor *build_extreme(building *s, const expression_node *node, bool least)
{
    scl_builder *b = s->b;
    scl_tensor *best = build(s, node->args[0]);
    for (size_t i = 1; i < node->arg_count; i++) {
        scl_tensor *next = build(s, node->args[i]);
        best = least ? b->minimum(b, best, next) : b->maximum(b, best, next);
    }
    return best;
}

/* otherwise + condition (value - otherwise) */
static scl_tensor *build_where(building *s, const expression_node *node)
{
    scl_builder *b = s->b;
    scl_tensor *condition = build(s, node->args[0]);
    scl_tensor *value = build(s, node->args[1]), *otherwise = build(s, node->args[2]);
    return b->add(b, otherwise, b->mul(b, condition, b->sub(b, value, otherwise)));
}

static scl_tensor *build_map(building *s, size_t offset, scl_tensor *x)
{
    scl_tensor *(*apply)(scl_builder *, scl_tensor *);
    memcpy(&apply, (const char *)s->b + offset, sizeof apply);
    return apply(s->b, x);
}

static scl_tensor *build_function(building *s, const expression_node *node)
{
    scl_builder *b = s->b;
    const expression_function_info *f = &expression_functions[node->symbol];
    double exponent = 0;
    switch (f->kind) {
    case EXPRESSION_MAP:
        return build_map(s, f->apply, build(s, node->args[0]));
    case EXPRESSION_MEAN:
        return b->weighted_mean(b, build(s, node->args[0]), s->in->weight, 1, 3);
    case EXPRESSION_SUM:
        return b->sum(b, b->mul(b, build(s, node->args[0]), s->in->weight), 1, 3);
    case EXPRESSION_OVER_CLASSES:
        return b->sum(b, build(s, node->args[0]), 1, 1);
    case EXPRESSION_MIN:
        return build_extreme(s, node, true);
    case EXPRESSION_MAX:
        return build_extreme(s, node, false);
    case EXPRESSION_CLAMP:
        return build_clamp(s, node);
    case EXPRESSION_POW:
        expression_constant(node->args[1], &exponent);
        return power(s, build(s, node->args[0]), exponent);
    case EXPRESSION_WHERE:
        return build_where(s, node);
    }
    return NULL;
}

/* Logits that the expression changed must be as many as before. */
static scl_tensor *build_logits(building *s, const expression_node *node)
{
    bool plain = node->kind == EXPRESSION_NAME && node->symbol == EXPRESSION_P;
    return plain ? s->in->logits : build(s, node);
}

static scl_tensor *call_plugin(building *s, const expression_node *node)
{
    scl_builder *b = s->b;
    scl_graph *g = s->host->graph;
    scl_loss_inputs given = *s->in;
    const int64_t dims[] = {b->dim(b, s->in->logits, 0), 1, 1, 1};
    char text[SCL_SHAPE_TEXT];
    given.logits = build_logits(s, node->args[0]);
    if (!is_multiclass(s))
        given.target = build(s, node->args[1]);
    if (given.logits == NULL || given.target == NULL)
        return NULL;
    scl_guest outer = scl_guest_enter(node->loss.path, g->scope);
    scl_tensor *value = node->loss.facts.loss.build(b, node->params, &given);
    scl_guest_leave(outer);
    value = scl_plugin_builder_result(s->host, value);
    if (value != NULL && (value->dtype != SCL_F32 || scl_shape_count(value->shape) != dims[0]))
        return scl_graph_fail(g, "it must return one float32 value per mask: %lld, returned %s",
                              (long long)dims[0], scl_shape_text(value->shape, text));
    return b->reshape(b, value, 4, dims);
}

/* What goes wrong in it is told at the call. */
static scl_tensor *build_loss(building *s, const expression_node *node)
{
    scl_graph *g = s->host->graph;
    bool before = g->error.status != SCL_OK;
    const char *outer = scl_graph_scope(g, scl_expression_label(node->name, &g->arena));
    scl_tensor *value = call_plugin(s, node);
    g->scope = outer;
    if (value != NULL || before)
        return value;
    scl_place place = scl_run_config_place_within(s->e->config, s->e->path, node->at);
    if (place.line > 0)
        scl_error_prefix(&g->error, "%s:%u:%u", place.file, place.line, place.column);
    return NULL;
}

static scl_tensor *build(building *s, const expression_node *node)
{
    switch (node->kind) {
    case EXPRESSION_NUMBER:
        return s->b->scalar(s->b, (float)node->number);
    case EXPRESSION_NAME:
        return build_name(s, node->symbol);
    case EXPRESSION_NEGATE:
        return s->b->affine(s->b, build(s, node->args[0]), -1, 0);
    case EXPRESSION_OPERATOR:
        return build_operator(s, node);
    case EXPRESSION_CALL:
        return node->symbol < 0 ? build_loss(s, node) : build_function(s, node);
    }
    return NULL;
}

scl_tensor *scl_expression_build(const scl_expression *expression, scl_plugin_builder *builder,
                                 const scl_loss_inputs *inputs)
{
    building s = {.e = expression, .host = builder, .b = &builder->table, .in = inputs};
    return build(&s, expression->root);
}

/* ---- opening */

const char *scl_expression_label(const char *text, scl_arena *arena)
{
    static const char plain[] = "+-*/^(),.<>=";
    char label[LABEL_CHARACTERS + 4];
    size_t length = 0;
    for (; *text != '\0' && length < LABEL_CHARACTERS; text++) {
        bool word = (*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z') ||
                    (*text >= '0' && *text <= '9') || strchr(plain, *text) != NULL;
        if (strchr(" \t\r\n", *text) == NULL)
            label[length++] = word ? *text : '_';
    }
    snprintf(label + length, sizeof label - length, "%s", *text != '\0' ? "..." : "");
    return scl_arena_strdup(arena, label);
}

static scl_status read_expression(scl_expression *e, size_t *plugin_faults, scl_error *err)
{
    size_t before = e->config->diagnostics.total;
    expression_parse(e);
    if (e->root == NULL)
        return SCL_OK;
    SCL_TRY(expression_check(e, plugin_faults, err));
    if (e->config->diagnostics.total != before)
        e->root = NULL;
    return SCL_OK;
}

scl_status scl_expression_open(scl_run_config *config, size_t index, scl_expression **out,
                               size_t *plugin_faults, scl_error *err)
{
    scl_expression *e = scl_calloc(1, sizeof *e);
    *out = NULL;
    if (e == NULL)
        return scl_out_of_memory(err, sizeof *e, "an expression");
    *e = (scl_expression){.config = config, .text = config->losses.items[index].expr};
    e->path = scl_arena_printf(&e->arena, "losses[%zu].expr", index);
    scl_status status = e->path == NULL ? scl_out_of_memory(err, 32, "an expression")
                                        : read_expression(e, plugin_faults, err);
    if (status == SCL_OK && e->root != NULL)
        *out = e;
    else
        scl_expression_close(e);
    return status;
}

void scl_expression_close(scl_expression *expression)
{
    if (expression == NULL)
        return;
    for (size_t i = 0; i < expression->call_count; i++)
        scl_plugin_close(&expression->calls[i]->loss);
    scl_free(expression->calls);
    scl_arena_free(&expression->arena);
    scl_free(expression);
}
