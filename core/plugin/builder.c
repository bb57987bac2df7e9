#include "plugin/builder.h"

#include "plugin/run_plugins.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define MAX_COUNT   ((int64_t)1 << 40) /* elements of a tensor, ends of a range */
#define MAX_CLASSES 65536
#define MAX_JOINED  1024 /* what autodiff takes */
#define MAX_NAME    128

static scl_plugin_builder *host_of(scl_builder *b)
{
    return b->host;
}

static scl_graph *graph_of(scl_builder *b)
{
    return host_of(b)->graph;
}

/* ------------------------------------------------------------------ checks of what was passed */

static bool is_float(scl_builder *b, const char *function, const scl_tensor *x)
{
    if (x != NULL && x->dtype != SCL_F32)
        scl_graph_fail(graph_of(b),
                       "%s: needs float32 values, found int32 class ids; one_hot "
                       "makes float32 of them",
                       function);
    return x != NULL && x->dtype == SCL_F32;
}

bool scl_plugin_builder_shape(scl_plugin_builder *builder, const char *function, int32_t ndim,
                              const int64_t *dims, scl_shape *shape)
{
    int64_t count = 1;
    bool right = ndim >= 1 && ndim <= SCL_MAX_DIMS && dims != NULL;
    for (int32_t i = 0; right && i < ndim; i++)
        right =
            dims[i] >= 1 && !__builtin_mul_overflow(count, dims[i], &count) && count <= MAX_COUNT;
    if (right)
        *shape = scl_shape_make(ndim, dims);
    else
        scl_graph_fail(builder->graph,
                       "%s: needs 1 to %d dimensions of at least 1, and at most 2^40 values",
                       function, SCL_MAX_DIMS);
    return right;
}

static bool read_shape(scl_builder *b, const char *function, int32_t ndim, const int64_t *dims,
                       scl_shape *shape)
{
    return scl_plugin_builder_shape(host_of(b), function, ndim, dims, shape);
}

/* One or more names of letters, digits and underscores, joined by dots. */
static bool is_parameter_name(const char *name)
{
    if (name == NULL || strlen(name) > MAX_NAME)
        return false;
    char before = '.';
    for (const char *p = name; *p != '\0'; before = *p++) {
        bool letter = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z');
        bool word = letter || (*p >= '0' && *p <= '9') || *p == '_';
        if (!word && (*p != '.' || before == '.'))
            return false;
    }
    return before != '.';
}

/* The function `fail` of the table. */
static scl_tensor *build_fail(scl_builder *b, const char *message)
{
    scl_graph *g = graph_of(b);
    bool first = g->error.status == SCL_OK;
    scl_graph_fail(g, "%s", message != NULL ? message : "it failed and gave no reason");
    if (first)
        g->error.status = SCL_BAD_CONFIG;
    return NULL;
}

/* Only who made a parameter may ask for it again. */
static bool is_free(scl_builder *b, const char *full)
{
    scl_graph *g = graph_of(b);
    const scl_tensor *found = scl_graph_find(g, full);
    if (found == NULL || strcmp(found->scope, g->scope) == 0)
        return true;
    char text[SCL_ERROR_TEXT];
    snprintf(text, sizeof text,
             "its parameter `%s` is already one of %s: adapters that make parameters of one name "
             "need different `sites`",
             full, found->scope);
    build_fail(b, text);
    return false;
}

/* ------------------------------------------------------------------ inspection and leaves */

static int32_t inspect_ndim(scl_builder *b, const scl_tensor *x)
{
    (void)b;
    return x != NULL ? x->shape.ndim : 0;
}

static int64_t inspect_dim(scl_builder *b, const scl_tensor *x, int32_t axis)
{
    if (x == NULL)
        return 0;
    int32_t ndim = x->shape.ndim, a = axis < 0 ? axis + ndim : axis;
    if (a >= 0 && a < ndim)
        return x->shape.dim[a];
    char text[SCL_SHAPE_TEXT];
    scl_graph_fail(graph_of(b), "dim: shape %s has no axis %d", scl_shape_text(x->shape, text),
                   (int)axis);
    return 0;
}

static scl_tensor *build_constant(scl_builder *b, const float *values, int32_t ndim,
                                  const int64_t *dims)
{
    scl_shape shape;
    if (values == NULL)
        return scl_graph_fail(graph_of(b), "constant: no values given");
    if (!read_shape(b, "constant", ndim, dims, &shape))
        return NULL;
    return scl_constant(graph_of(b), values, shape);
}

static scl_tensor *build_scalar(scl_builder *b, float value)
{
    return scl_scalar(graph_of(b), value);
}

static scl_tensor *build_param(scl_builder *b, const char *name, int32_t ndim, const int64_t *dims,
                               scl_init init)
{
    scl_graph *g = graph_of(b);
    const char *site = host_of(b)->site;
    scl_shape shape;
    if (site == NULL)
        return scl_graph_fail(g, "param: a loss has no parameters to train, nor has a derivative; "
                                 "only an adapter may make some");
    if (!is_parameter_name(name))
        return scl_graph_fail(g,
                              "param: a name is letters, digits and _, joined by dots, and at "
                              "most %d long",
                              MAX_NAME);
    if (strcmp(name, "weight") == 0 || strcmp(name, "bias") == 0)
        return scl_graph_fail(g, "param: `%s` is the wrapped layer's own; take another name", name);
    if (init.kind > SCL_INIT_NEAR_ONE || !isfinite(init.scale))
        return scl_graph_fail(g, "param: `%s` has no usable initial values (kind %u, scale %g)",
                              name, (unsigned)init.kind, (double)init.scale);
    if (!read_shape(b, "param", ndim, dims, &shape))
        return NULL;
    char *full = scl_arena_printf(&g->arena, "%s.%s", site, name);
    if (full == NULL) {
        scl_out_of_memory(&g->error, strlen(site) + strlen(name), "a parameter's name");
        return NULL;
    }
    return is_free(b, full) ? scl_parameter(g, full, shape, init, true) : NULL;
}

/* ------------------------------------------------------------------ elementwise */

#define UNARY(name, function)                                                                      \
    static scl_tensor *build_##name(scl_builder *b, scl_tensor *x)                                 \
    {                                                                                              \
        return function(graph_of(b), x);                                                           \
    }
UNARY(exp, scl_exp)
UNARY(log, scl_ln)
UNARY(sqrt, scl_sqrt)
UNARY(abs, scl_abs)
UNARY(step, scl_step)
UNARY(sigmoid, scl_sigmoid)
UNARY(tanh, scl_tanh)
UNARY(softplus, scl_softplus)
UNARY(relu, scl_relu)
UNARY(gelu, scl_gelu)
UNARY(stop_gradient, scl_stop_gradient)
UNARY(normal_cdf, scl_normal_cdf)

#define BINARY(name)                                                                               \
    static scl_tensor *build_##name(scl_builder *b, scl_tensor *x, scl_tensor *y)                  \
    {                                                                                              \
        return scl_##name(graph_of(b), x, y);                                                      \
    }
BINARY(add)
BINARY(sub)
BINARY(mul)
BINARY(div)
BINARY(maximum)
BINARY(minimum)

static scl_tensor *build_affine(scl_builder *b, scl_tensor *x, float scale, float shift)
{
    return scl_affine(graph_of(b), x, scale, shift);
}

static scl_tensor *build_pow(scl_builder *b, scl_tensor *x, float exponent)
{
    return scl_pow(graph_of(b), x, exponent);
}

static scl_tensor *build_clamp(scl_builder *b, scl_tensor *x, float low, float high)
{
    return scl_clamp(graph_of(b), x, low, high);
}

/* ------------------------------------------------------------------ reductions */

/* No shape has as many axes, and no sum of axes overflows. */
static int limited(int32_t count)
{
    return count <= SCL_MAX_DIMS ? count : SCL_MAX_DIMS + 1;
}

static scl_tensor *build_sum(scl_builder *b, scl_tensor *x, int32_t axis, int32_t count)
{
    return scl_sum(graph_of(b), x, axis, limited(count));
}

static scl_tensor *build_mean(scl_builder *b, scl_tensor *x, int32_t axis, int32_t count)
{
    return scl_mean(graph_of(b), x, axis, limited(count));
}

/* w is repeated before it is summed, so that it counts as often as it is used. */
static scl_tensor *build_weighted_mean(scl_builder *b, scl_tensor *x, scl_tensor *w, int32_t axis,
                                       int32_t count)
{
    if (!is_float(b, "weighted_mean", x) || !is_float(b, "weighted_mean", w))
        return NULL;
    scl_graph *g = graph_of(b);
    scl_tensor *all = scl_broadcast(g, w, x->shape);
    scl_tensor *total = build_sum(b, scl_mul(g, x, all), axis, count);
    return scl_safe_div(g, total, build_sum(b, all, axis, count));
}

/* ------------------------------------------------------------------ shape */

static scl_tensor *build_reshape(scl_builder *b, scl_tensor *x, int32_t ndim, const int64_t *dims)
{
    scl_shape shape;
    if (x == NULL || !read_shape(b, "reshape", ndim, dims, &shape))
        return NULL;
    return scl_reshape(graph_of(b), x, shape);
}

static scl_tensor *build_slice(scl_builder *b, scl_tensor *x, int32_t axis, int64_t start,
                               int64_t count)
{
    if (!is_float(b, "slice", x))
        return NULL;
    if (start < 0 || start > MAX_COUNT || count < 1 || count > MAX_COUNT)
        return scl_graph_fail(graph_of(b), "slice: needs a start of at least 0 and a count of at "
                                           "least 1");
    return scl_slice(graph_of(b), x, axis, start, count);
}

static scl_tensor *build_concat(scl_builder *b, scl_tensor *const *xs, int32_t count, int32_t axis)
{
    if (xs == NULL || count < 1 || count > MAX_JOINED)
        return scl_graph_fail(graph_of(b), "concat: needs 1 to %d tensors", MAX_JOINED);
    for (int32_t i = 0; i < count; i++)
        if (!is_float(b, "concat", xs[i]))
            return NULL;
    return scl_concat(graph_of(b), xs, count, axis);
}

/* ------------------------------------------------------------------ classes and layers */

static scl_tensor *build_softmax(scl_builder *b, scl_tensor *x, int32_t axis)
{
    return is_float(b, "softmax", x) ? scl_softmax(graph_of(b), x, axis) : NULL;
}

static scl_tensor *build_log_softmax(scl_builder *b, scl_tensor *x, int32_t axis)
{
    return is_float(b, "log_softmax", x) ? scl_log_softmax(graph_of(b), x, axis) : NULL;
}

static scl_tensor *build_one_hot(scl_builder *b, scl_tensor *ids, int64_t classes, int32_t axis)
{
    if (classes > MAX_CLASSES)
        return scl_graph_fail(graph_of(b), "one_hot: at most %d classes", MAX_CLASSES);
    return scl_one_hot(graph_of(b), ids, classes, axis);
}

static scl_tensor *build_linear(scl_builder *b, scl_tensor *x, scl_tensor *w, float scale)
{
    if (!is_float(b, "linear", x) || !is_float(b, "linear", w))
        return NULL;
    return scl_linear(graph_of(b), x, w, NULL, scale);
}

static scl_tensor *build_matmul(scl_builder *b, scl_tensor *x, scl_tensor *y, int32_t transpose_x,
                                int32_t transpose_y)
{
    if (!is_float(b, "matmul", x) || !is_float(b, "matmul", y))
        return NULL;
    return scl_matmul(graph_of(b), x, y, transpose_x != 0, transpose_y != 0, 1);
}

static scl_tensor *build_top_k(scl_builder *b, scl_tensor *x, int64_t k, scl_tensor **indices)
{
    if (indices != NULL)
        *indices = NULL;
    return scl_top_k(graph_of(b), x, k, indices);
}

/* ------------------------------------------------------------------ random values */

/* Of this place in the graph: the scope, and how often it has drawn before. */
static uint64_t next_salt(const scl_graph *g)
{
    uint64_t drawn = 0;
    for (size_t i = 0; i < g->node_count; i++)
        drawn += g->nodes[i]->op == SCL_OP_RANDOM && strcmp(g->nodes[i]->scope, g->scope) == 0;
    return scl_hash64(g->scope, strlen(g->scope), drawn);
}

static scl_tensor *draw(scl_builder *b, const char *function, scl_distribution distribution,
                        int32_t ndim, const int64_t *dims)
{
    scl_graph *g = graph_of(b);
    scl_shape shape;
    if (!g->training)
        return scl_graph_fail(g,
                              "%s: there are random values in training only; ask `training` "
                              "before",
                              function);
    if (!read_shape(b, function, ndim, dims, &shape))
        return NULL;
    return scl_random(g, distribution, next_salt(g), shape);
}

static scl_tensor *build_uniform(scl_builder *b, int32_t ndim, const int64_t *dims)
{
    return draw(b, "uniform", SCL_UNIFORM, ndim, dims);
}

static scl_tensor *build_normal(scl_builder *b, int32_t ndim, const int64_t *dims)
{
    return draw(b, "normal", SCL_NORMAL, ndim, dims);
}

static scl_tensor *build_dropout(scl_builder *b, scl_tensor *x, float rate)
{
    scl_graph *g = graph_of(b);
    if (!is_float(b, "dropout", x))
        return NULL;
    if (!(rate >= 0 && rate < 1))
        return scl_graph_fail(g, "dropout: needs a rate from 0 to below 1, found %g", (double)rate);
    if (!g->training || rate == 0)
        return x;
    scl_tensor *draws = build_uniform(b, x->shape.ndim, x->shape.dim);
    scl_tensor *kept = scl_step(g, scl_affine(g, draws, 1, -rate));
    return scl_mul(g, x, scl_affine(g, kept, 1 / (1 - rate), 0));
}

/* ------------------------------------------------------------------ terms of the loss */

static void build_add_loss(scl_builder *b, const char *name, scl_tensor *value)
{
    const scl_plugin_builder *host = host_of(b);
    scl_graph *g = host->graph;
    char label[2 * MAX_NAME];
    if (value == NULL)
        return;
    if (host->site == NULL)
        scl_graph_fail(g, "add_loss: only an adapter adds to the loss, and no derivative");
    else if (!is_parameter_name(name))
        scl_graph_fail(g,
                       "add_loss: a name is letters, digits and _, joined by dots, and at most "
                       "%d long",
                       MAX_NAME);
    else if (!scl_plugin_builder_has(host, value) || value->dtype != SCL_F32 ||
             scl_shape_count(value->shape) != 1)
        scl_graph_fail(g, "add_loss: `%s` must be one float32 value of this graph", name);
    if (g->error.status != SCL_OK || !g->training)
        return;
    snprintf(label, sizeof label, "%s.%s", host->file->facts.plugin.id, name);
    scl_graph_add_loss(g, label, scl_reshape(g, value, SCL_SHAPE(1)));
}

/* ------------------------------------------------------------------ planes and order */

static scl_tensor *build_avg_pool(scl_builder *b, scl_tensor *x, int64_t kernel)
{
    return scl_avg_pool(graph_of(b), x, kernel);
}

static scl_tensor *build_cumsum(scl_builder *b, scl_tensor *x, int32_t axis)
{
    return scl_cumsum(graph_of(b), x, axis);
}

static scl_tensor *build_reorder(scl_builder *b, scl_tensor *x, scl_tensor *order)
{
    return scl_reorder(graph_of(b), x, order);
}

UNARY(argsort, scl_argsort)
UNARY(distance, scl_distance)

/* ------------------------------------------------------------------ the table */

static const scl_builder functions = {
    .struct_size = sizeof(scl_builder),
    .ndim = inspect_ndim,
    .dim = inspect_dim,
    .fail = build_fail,
    .constant = build_constant,
    .scalar = build_scalar,
    .param = build_param,
    .add = build_add,
    .sub = build_sub,
    .mul = build_mul,
    .div = build_div,
    .maximum = build_maximum,
    .minimum = build_minimum,
    .affine = build_affine,
    .pow = build_pow,
    .clamp = build_clamp,
    .exp = build_exp,
    .log = build_log,
    .sqrt = build_sqrt,
    .abs = build_abs,
    .step = build_step,
    .sigmoid = build_sigmoid,
    .tanh = build_tanh,
    .softplus = build_softplus,
    .relu = build_relu,
    .gelu = build_gelu,
    .sum = build_sum,
    .mean = build_mean,
    .weighted_mean = build_weighted_mean,
    .reshape = build_reshape,
    .slice = build_slice,
    .concat = build_concat,
    .softmax = build_softmax,
    .log_softmax = build_log_softmax,
    .one_hot = build_one_hot,
    .linear = build_linear,
    .stop_gradient = build_stop_gradient,
    .uniform = build_uniform,
    .normal = build_normal,
    .dropout = build_dropout,
    .normal_cdf = build_normal_cdf,
    .matmul = build_matmul,
    .top_k = build_top_k,
    .own = scl_plugin_builder_own,
    .add_loss = build_add_loss,
    .avg_pool = build_avg_pool,
    .cumsum = build_cumsum,
    .argsort = build_argsort,
    .reorder = build_reorder,
    .distance = build_distance,
};

bool scl_plugin_builder_begin(scl_plugin_builder *builder, scl_graph *graph,
                              const scl_plugin_file *file, const char *who, const char *site)
{
    if (graph->error.status != SCL_OK)
        return false;
    *builder = (scl_plugin_builder){.table = functions, .graph = graph, .file = file, .site = site};
    builder->table.host = builder;
    builder->table.training = graph->training;
    builder->outer_scope = scl_graph_scope(graph, who);
    if (graph->error.status != SCL_OK)
        return false;
    builder->outer_guest = scl_guest_enter(file->path, graph->scope);
    return true;
}

/* A tensor kept from an earlier build must not get into this graph. */
bool scl_plugin_builder_has(const scl_plugin_builder *builder, const scl_tensor *tensor)
{
    for (size_t i = builder->graph->tensor_count; i-- > 0;)
        if (builder->graph->tensors[i] == tensor)
            return true;
    return false;
}

scl_tensor *scl_plugin_builder_result(scl_plugin_builder *builder, scl_tensor *result)
{
    scl_graph *g = builder->graph;
    if (g->error.status != SCL_OK)
        return NULL;
    if (result == NULL)
        return scl_graph_fail(g, "it returned no tensor and gave no reason");
    if (!scl_plugin_builder_has(builder, result))
        return scl_graph_fail(g, "it returned a tensor that is not of this graph");
    return result;
}

void scl_plugin_builder_end(scl_plugin_builder *builder)
{
    scl_graph *g = builder->graph;
    if (g->error.status == SCL_FAILED)
        g->error.status = SCL_PLUGIN;
    if (g->error.status == SCL_BAD_CONFIG && builder->run != NULL)
        scl_run_config_blame(builder->run->config, builder->run->path, &g->error);
    g->scope = builder->outer_scope;
    scl_guest_leave(builder->outer_guest);
}
