/* expression_check.c — what the names mean, how many values there are, and the losses that are
 * called. */
#include "plugin/expression_names.h"
#include "plugin/search.h"

#include "base/str.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef struct checker {
    scl_expression *e;
    bool multiclass;
    size_t plugin_faults;
    scl_status status; /* of memory */
    scl_error *err;
} checker;

static void check(checker *c, expression_node *node);

void expression_complain(const scl_expression *expression, size_t at, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    scl_run_config_complain_within(expression->config, expression->path, at, "%s", text);
}

bool expression_constant(const expression_node *node, double *value)
{
    double x = 0, y = 0;
    if (node->kind == EXPRESSION_NUMBER) {
        *value = node->number;
        return true;
    }
    if (node->kind != EXPRESSION_NEGATE && node->kind != EXPRESSION_OPERATOR)
        return false;
    if (!expression_constant(node->args[0], &x) ||
        (node->arg_count == 2 && !expression_constant(node->args[1], &y)))
        return false;
    if (node->kind == EXPRESSION_NEGATE)
        *value = -x;
    else if (node->op == EXPRESSION_ADD || node->op == EXPRESSION_SUBTRACT)
        *value = node->op == EXPRESSION_ADD ? x + y : x - y;
    else if (node->op == EXPRESSION_MULTIPLY || node->op == EXPRESSION_DIVIDE)
        *value = node->op == EXPRESSION_MULTIPLY ? x * y : x / y;
    else if (node->op == EXPRESSION_POWER)
        *value = pow(x, y);
    else
        return false;
    return true;
}

/* The first byte of what a node covers. */
static size_t start_of(const expression_node *node)
{
    while (node->kind == EXPRESSION_OPERATOR)
        node = node->args[0];
    return node->at;
}

static expression_type wrong(checker *c, size_t at, const char *format, const char *word)
{
    expression_complain(c->e, at, format, word);
    return EXPRESSION_WRONG;
}

/* ---- names */

static const expression_function_info *find_function(const char *name)
{
    for (size_t i = 0; i < expression_function_count; i++)
        if (strcmp(expression_functions[i].name, name) == 0)
            return &expression_functions[i];
    return NULL;
}

static void suggest(const char **nearest, const char *name, const char *candidate)
{
    const char *const pair[] = {*nearest != NULL ? *nearest : candidate, candidate};
    const char *found = scl_nearest_name(name, pair, 2);
    *nearest = found != NULL ? found : *nearest;
}

static expression_type unknown_name(checker *c, const expression_node *node)
{
    const expression_function_info *function = find_function(node->name);
    const char *nearest = NULL;
    if (function != NULL)
        return wrong(c, node->at, "this is a function: write %s", function->use);
    for (size_t i = 0; i < EXPRESSION_NAMES && node->name[1] != '\0'; i++)
        suggest(&nearest, node->name, expression_names[i]);
    expression_complain(c->e, node->at,
                        "unknown name `%s`%s%s%s (there are x, p, logp, t, w, iou, and functions "
                        "with their values in brackets)",
                        node->name, nearest != NULL ? ": did you mean `" : "",
                        nearest != NULL ? nearest : "", nearest != NULL ? "`?" : "");
    return EXPRESSION_WRONG;
}

static expression_type check_name(checker *c, expression_node *node)
{
    int32_t i = 0;
    while (i < EXPRESSION_NAMES && strcmp(expression_names[i], node->name) != 0)
        i++;
    if (i == EXPRESSION_NAMES)
        return unknown_name(c, node);
    node->symbol = i;
    node->of_probability = i == EXPRESSION_P || i == EXPRESSION_LOGP;
    node->of_model = node->of_probability || i == EXPRESSION_X || i == EXPRESSION_IOU;
    if (i != EXPRESSION_IOU)
        return EXPRESSION_PER_PIXEL;
    return c->multiclass ? wrong(c, node->at, "the task multiclass has no estimate `%s`", "iou")
                         : EXPRESSION_PER_MASK;
}

/* ---- functions */

/* The functions, and the losses there are. */
static expression_type unknown_function(checker *c, const expression_node *node)
{
    scl_plugin_list list = {0};
    scl_str losses = {0};
    const char *nearest = NULL;
    c->status = scl_plugins_list(&list, c->err);
    suggest(&nearest, node->name, "bce");
    for (size_t i = 0; i < expression_function_count; i++)
        suggest(&nearest, node->name, expression_functions[i].name);
    for (size_t i = 0; i < list.count; i++) {
        const scl_plugin *plugin = &list.items[i].file.facts.plugin;
        if (list.items[i].fault != NULL || plugin->kind != SCL_PLUGIN_LOSS)
            continue;
        suggest(&nearest, node->name, plugin->id);
        scl_str_add(&losses, "%s%s", losses.length > 0 ? ", " : "", plugin->id);
    }
    if (nearest != NULL)
        expression_complain(c->e, node->at, "no function or loss is named `%s`: did you mean `%s`?",
                            node->name, nearest);
    else
        expression_complain(c->e, node->at, "no function or loss is named `%s` (losses are %s)",
                            node->name, losses.length > 0 ? losses.text : "not found");
    scl_str_free(&losses);
    scl_plugin_list_free(&list);
    return EXPRESSION_WRONG;
}

static const char *type_words(expression_type type)
{
    return type == EXPRESSION_PER_MASK    ? "one per mask"
           : type == EXPRESSION_PER_PIXEL ? "one per pixel"
                                          : "a number";
}

static expression_type check_reduction(checker *c, const expression_node *node,
                                       const expression_function_info *f)
{
    const expression_node *arg = node->args[0];
    if (f->kind == EXPRESSION_OVER_CLASSES && !c->multiclass)
        return wrong(c, node->at, "`%s` is for the task multiclass", f->name);
    if (arg->type != EXPRESSION_PER_PIXEL) {
        expression_complain(c->e, start_of(arg),
                            "%s takes a value per pixel, found %s: leave %s(...) out", f->name,
                            type_words(arg->type), f->name);
        return EXPRESSION_WRONG;
    }
    return f->kind == EXPRESSION_OVER_CLASSES ? EXPRESSION_PER_PIXEL : EXPRESSION_PER_MASK;
}

/* Arguments from `first` on must be numbers. */
static bool are_numbers(checker *c, const expression_node *node, size_t first, const char *what)
{
    double value;
    for (size_t i = first; i < node->arg_count; i++)
        if (!expression_constant(node->args[i], &value)) {
            wrong(c, start_of(node->args[i]), "%s must be a number", what);
            return false;
        }
    return true;
}

static expression_type widest(const expression_node *node)
{
    expression_type type = EXPRESSION_OF_ALL;
    for (size_t i = 0; i < node->arg_count; i++)
        type = node->args[i]->type > type ? node->args[i]->type : type;
    return type;
}

static expression_type check_arguments(checker *c, expression_node *node,
                                       const expression_function_info *f)
{
    double low = 0, high = 0;
    switch (f->kind) {
    case EXPRESSION_MEAN:
    case EXPRESSION_SUM:
    case EXPRESSION_OVER_CLASSES:
        return check_reduction(c, node, f);
    case EXPRESSION_POW:
        if (!are_numbers(c, node, 1, "the exponent of pow"))
            return EXPRESSION_WRONG;
        break;
    case EXPRESSION_CLAMP:
        if (!are_numbers(c, node, 1, "a bound of clamp"))
            return EXPRESSION_WRONG;
        expression_constant(node->args[1], &low);
        expression_constant(node->args[2], &high);
        if (low > high)
            return wrong(c, start_of(node->args[1]), "the lower bound of %s is above the upper one",
                         "clamp");
        break;
    case EXPRESSION_MAP:
        if (f->apply == offsetof(scl_builder, stop_gradient))
            node->of_model = false;
        break;
    case EXPRESSION_MIN:
    case EXPRESSION_MAX:
    case EXPRESSION_WHERE:
        break;
    }
    return widest(node);
}

static expression_type check_function(checker *c, expression_node *node,
                                      const expression_function_info *f)
{
    int count = (int)node->arg_count;
    node->symbol = (int32_t)(f - expression_functions);
    if (node->settings != NULL)
        return wrong(c, node->at, "this function takes no key=value: write %s", f->use);
    if (count < f->least || count > f->most) {
        expression_complain(c->e, node->at, "%s takes %s%d value%s, found %d: write %s", f->name,
                            f->most > f->least ? "at least " : "", f->least,
                            f->least == 1 ? "" : "s", count, f->use);
        return EXPRESSION_WRONG;
    }
    return check_arguments(c, node, f);
}

/* ---- losses */

static bool is_name(const expression_node *node, expression_name name)
{
    return node->kind == EXPRESSION_NAME && node->symbol == (int32_t)name;
}

static bool check_loss_values(checker *c, const expression_node *node)
{
    if (node->arg_count != 2) {
        expression_complain(c->e, node->at,
                            "a loss takes the prediction and the target: write %s(p, t)",
                            node->name);
        return false;
    }
    const expression_node *x = node->args[0], *t = node->args[1];
    if (!is_name(x, EXPRESSION_P) &&
        (x->of_probability || !x->of_model || x->type != EXPRESSION_PER_PIXEL)) {
        expression_complain(c->e, start_of(x),
                            "a loss takes p, or logits: x or a value per pixel made of x, such as "
                            "-x, of which 1 - p is the probability");
        return false;
    }
    if (t->type != EXPRESSION_PER_PIXEL || (c->multiclass && !is_name(t, EXPRESSION_T))) {
        expression_complain(c->e, start_of(t), "the target of a loss is %s",
                            c->multiclass ? "t for the task multiclass"
                                          : "t, or a value per pixel such as 1 - t");
        return false;
    }
    return true;
}

static bool open_loss(checker *c, expression_node *node)
{
    scl_expression *e = c->e;
    scl_error fault = {0};
    scl_status status =
        scl_plugin_open(expression_loss_id(node->name), SCL_PLUGIN_LOSS, &node->loss, &fault);
    if (status == SCL_PLUGIN) {
        size_t before = e->config->diagnostics.total;
        expression_complain(e, node->at, "%s", fault.text);
        c->plugin_faults += e->config->diagnostics.total - before;
        return false;
    }
    if (status == SCL_OK && !SCL_GROW(e->calls, e->call_count, e->call_capacity)) {
        scl_plugin_close(&node->loss);
        status = scl_out_of_memory(&fault, sizeof *e->calls, "an expression");
    }
    if (status != SCL_OK) {
        c->status = scl_fail(c->err, status, "%s", fault.text);
        return false;
    }
    e->calls[e->call_count++] = node;
    const scl_plugin *plugin = &node->loss.facts.plugin;
    scl_schema_params params = {.node = node->settings};
    node->params =
        scl_run_config_read_params(e->config, &params, e->path, plugin->params,
                                   (size_t)plugin->param_count, (size_t)plugin->params_size);
    return true;
}

static expression_type check_loss(checker *c, expression_node *node)
{
    char *path = NULL;
    node->symbol = -1;
    node->of_model = true;
    node->of_probability = false;
    c->status = scl_plugin_find_file(expression_loss_id(node->name), &path, c->err);
    if (c->status != SCL_OK)
        return EXPRESSION_WRONG;
    bool known = path != NULL;
    scl_free(path);
    if (!known)
        return unknown_function(c, node);
    bool right = check_loss_values(c, node);
    return open_loss(c, node) && right ? EXPRESSION_PER_MASK : EXPRESSION_WRONG;
}

/* ---- the tree */

static expression_type check_operator(checker *c, const expression_node *node)
{
    double value;
    if (node->op != EXPRESSION_POWER)
        return widest(node);
    if (!expression_constant(node->args[1], &value))
        return wrong(c, start_of(node->args[1]),
                     "the exponent of ^ must be a number: for others write exp(b*log(a))%s", "");
    return node->args[0]->type;
}

static expression_type check_call(checker *c, expression_node *node)
{
    const expression_function_info *function = find_function(node->name);
    return function != NULL ? check_function(c, node, function) : check_loss(c, node);
}

static void check(checker *c, expression_node *node)
{
    bool right = true;
    for (size_t i = 0; i < node->arg_count && c->status == SCL_OK; i++) {
        check(c, node->args[i]);
        right = right && node->args[i]->type != EXPRESSION_WRONG;
        node->of_probability |= node->args[i]->of_probability;
        node->of_model |= node->args[i]->of_model;
    }
    if (!right || c->status != SCL_OK)
        return;
    switch (node->kind) {
    case EXPRESSION_NUMBER:
        node->type = EXPRESSION_OF_ALL;
        break;
    case EXPRESSION_NAME:
        node->type = check_name(c, node);
        break;
    case EXPRESSION_NEGATE:
        node->type = node->args[0]->type;
        break;
    case EXPRESSION_OPERATOR:
        node->type = check_operator(c, node);
        break;
    case EXPRESSION_CALL:
        node->type = check_call(c, node);
        break;
    }
}

/* The summand or factor that has a value per pixel. */
static const expression_node *find_per_pixel(const expression_node *node)
{
    while (node->kind == EXPRESSION_OPERATOR || node->kind == EXPRESSION_NEGATE) {
        const expression_node *below = node->args[0];
        bool mixed = node->arg_count == 2 && below->type != EXPRESSION_PER_PIXEL;
        bool all = node->arg_count == 2 && node->args[1]->type == EXPRESSION_PER_PIXEL;
        if (all && !mixed)
            return node;
        node = mixed ? node->args[1] : below;
    }
    return node;
}

static void check_whole(checker *c, const expression_node *root)
{
    if (root->type == EXPRESSION_WRONG)
        return;
    if (root->type == EXPRESSION_PER_PIXEL)
        wrong(c, start_of(find_per_pixel(root)),
              "this is a value per pixel, but a loss is one per mask: wrap it in mean(...)%s", "");
    else if (!root->of_model)
        wrong(c, start_of(root),
              "this is the same whatever the model predicts: a loss must depend on x, p or iou%s",
              "");
}

scl_status expression_check(scl_expression *expression, size_t *plugin_faults, scl_error *err)
{
    checker c = {.e = expression,
                 .multiclass = expression->config->data.task == SCL_TASK_MULTICLASS,
                 .err = err};
    check(&c, expression->root);
    *plugin_faults += c.plugin_faults;
    if (c.status == SCL_OK)
        check_whole(&c, expression->root);
    return c.status;
}
