#include "model/layers.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const scl_init ones = {SCL_INIT_ONES, 0}, zeros = {SCL_INIT_ZEROS, 0};

/* torch's default for linear and convolution layers, weight and bias alike: kaiming_uniform with
 * a = sqrt 5, which is U(-1/sqrt(fan_in), 1/sqrt(fan_in)). */
static scl_init fan_in_init(int64_t fan_in)
{
    return (scl_init){SCL_INIT_UNIFORM, (float)(1 / sqrt((double)fan_in))};
}

const char *scl_layer_name(const scl_sam *m, const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    const char *name = scl_arena_strdup(&m->graph->arena, text);
    if (name == NULL)
        scl_graph_out_of_memory(m->graph, strlen(text), "a layer's name");
    return name != NULL ? name : "";
}

static bool trains(const scl_sam *m, const char *name)
{
    return m->adaptation != NULL && m->adaptation->trains != NULL &&
           m->adaptation->trains(m->adaptation->user, name);
}

scl_tensor *scl_model_param(const scl_sam *m, const char *name, scl_shape shape, scl_init init)
{
    return scl_parameter(m->graph, name, shape, init, trains(m, name));
}

static scl_tensor *weight_of(const scl_sam *m, const char *layer, scl_shape shape, scl_init init)
{
    return scl_model_param(m, scl_layer_name(m, "%s.weight", layer), shape, init);
}

static scl_tensor *bias_of(const scl_sam *m, const char *layer, int64_t size, scl_init init)
{
    return scl_model_param(m, scl_layer_name(m, "%s.bias", layer), SCL_SHAPE(size), init);
}

static bool wraps(const scl_sam *m, const scl_site *site)
{
    return m->adaptation != NULL && m->adaptation->wraps != NULL &&
           m->adaptation->wraps(m->adaptation->user, site);
}

static scl_site site_of(scl_site_kind kind, const char *name, int64_t in, int64_t out)
{
    return (scl_site){.struct_size = sizeof(scl_site),
                      .kind = kind,
                      .name = name,
                      .in_features = in,
                      .out_features = out};
}

/* The layer's own weight and bias are told where it is wrapped. */
static scl_tensor *adapt(const scl_sam *m, scl_site *site, scl_tensor *weight, scl_tensor *bias,
                         scl_tensor *x, scl_tensor *y)
{
    if (y == NULL || !wraps(m, site))
        return y;
    site->weight = weight;
    site->bias = bias;
    return m->adaptation->attach(m->adaptation->user, m->graph, site, x, y);
}

static int64_t last_dim(const scl_tensor *x)
{
    return x->shape.dim[x->shape.ndim - 1];
}

scl_tensor *scl_layer_adapt(const scl_sam *m, scl_site_kind kind, const char *name, scl_tensor *x,
                            scl_tensor *y)
{
    if (x == NULL || y == NULL)
        return NULL;
    scl_site site = site_of(kind, name, last_dim(x), last_dim(y));
    return adapt(m, &site, NULL, NULL, x, y);
}

scl_tensor *scl_layer_tokens(const scl_sam *m, const char *name, int64_t dim)
{
    scl_site site = site_of(SCL_SITE_BLOCK, name, dim, dim);
    if (!wraps(m, &site) || m->adaptation->tokens == NULL)
        return NULL;
    return m->adaptation->tokens(m->adaptation->user, m->graph, &site);
}

bool scl_layer_plain(const scl_sam *m, const char *name, int64_t in, int64_t out,
                     scl_tensor **weight, scl_tensor **bias)
{
    scl_site site = site_of(SCL_SITE_LINEAR, name, in, out);
    *weight = weight_of(m, name, SCL_SHAPE(out, in), fan_in_init(in));
    *bias = bias_of(m, name, out, fan_in_init(in));
    return !wraps(m, &site);
}

static scl_site site_of_tokens(const char *name, int64_t in, int64_t out, scl_token_grid grid)
{
    scl_site site = site_of(SCL_SITE_LINEAR, name, in, out);
    site.grid_h = site.grid_w = grid.side;
    site.window = grid.window;
    return site;
}

scl_tensor *scl_layer_linear_of_tokens(const scl_sam *m, const char *name, scl_tensor *x,
                                       int64_t out, scl_token_grid grid)
{
    if (x == NULL)
        return NULL;
    int64_t in = last_dim(x);
    scl_init init = fan_in_init(in);
    scl_site site = site_of_tokens(name, in, out, grid);
    const char *outer = scl_graph_scope(m->graph, name);
    scl_tensor *weight = weight_of(m, name, SCL_SHAPE(out, in), init);
    scl_tensor *bias = bias_of(m, name, out, init);
    scl_tensor *y = scl_linear(m->graph, x, weight, bias, 1);
    y = adapt(m, &site, weight, bias, x, y);
    m->graph->scope = outer;
    return y;
}

scl_tensor *scl_layer_linear(const scl_sam *m, const char *name, scl_tensor *x, int64_t out)
{
    return scl_layer_linear_of_tokens(m, name, x, out, (scl_token_grid){0});
}

bool scl_layer_mixes_rows(const scl_sam *m, const char *name, int64_t in, int64_t out,
                          scl_token_grid grid)
{
    scl_site site = site_of_tokens(name, in, out, grid);
    return m->adaptation != NULL && m->adaptation->mixes_rows != NULL && wraps(m, &site) &&
           m->adaptation->mixes_rows(m->adaptation->user, &site);
}

scl_tensor *scl_layer_linear_of_zero(const scl_sam *m, const char *name, int64_t in, int64_t out)
{
    scl_tensor *weight, *bias;
    if (scl_layer_plain(m, name, in, out, &weight, &bias))
        return bias;
    scl_site site = site_of(SCL_SITE_LINEAR, name, in, out);
    scl_tensor *zero = scl_broadcast(m->graph, scl_scalar(m->graph, 0), SCL_SHAPE(1, in));
    scl_tensor *y = scl_reshape(m->graph, bias, SCL_SHAPE(1, out));
    y = adapt(m, &site, weight, bias, zero, y);
    return scl_reshape(m->graph, y, SCL_SHAPE(out));
}

scl_tensor *scl_layer_norm_named(const scl_sam *m, const char *name, scl_tensor *x, double eps)
{
    if (x == NULL)
        return NULL;
    int64_t n = last_dim(x);
    scl_site site = site_of(SCL_SITE_NORM, name, n, n);
    const char *outer = scl_graph_scope(m->graph, name);
    scl_tensor *weight = weight_of(m, name, SCL_SHAPE(n), ones);
    scl_tensor *bias = bias_of(m, name, n, zeros);
    scl_tensor *y = scl_layer_norm(m->graph, x, weight, bias, (float)eps);
    y = adapt(m, &site, weight, bias, x, y);
    m->graph->scope = outer;
    return y;
}

scl_tensor *scl_layer_conv(const scl_sam *m, const char *name, scl_tensor *x, int64_t out,
                           int64_t kernel, int64_t stride, int64_t pad, bool bias)
{
    if (x == NULL)
        return NULL;
    int64_t in = last_dim(x);
    scl_init init = fan_in_init(in * kernel * kernel);
    scl_site site = site_of(SCL_SITE_CONV, name, in, out);
    const char *outer = scl_graph_scope(m->graph, name);
    scl_tensor *weight = weight_of(m, name, SCL_SHAPE(out, in, kernel, kernel), init);
    scl_tensor *shift = bias ? bias_of(m, name, out, init) : NULL;
    scl_tensor *y = scl_conv2d(m->graph, x, weight, shift, stride, pad);
    y = adapt(m, &site, weight, shift, x, y);
    m->graph->scope = outer;
    return y;
}

scl_tensor *scl_layer_conv_transpose(const scl_sam *m, const char *name, scl_tensor *x, int64_t out)
{
    if (x == NULL)
        return NULL;
    int64_t in = last_dim(x);
    scl_init init = fan_in_init(out * 4); /* torch counts the second axis of [in, out, 2, 2] */
    const char *outer = scl_graph_scope(m->graph, name);
    scl_tensor *weight = weight_of(m, name, SCL_SHAPE(in, out, 2, 2), init);
    scl_tensor *y = scl_conv_transpose2d(m->graph, x, weight, bias_of(m, name, out, init));
    m->graph->scope = outer;
    return y;
}

scl_tensor *scl_layer_mlp3(const scl_sam *m, const char *name, scl_tensor *x, int64_t hidden,
                           int64_t out)
{
    for (int i = 0; i < 2; i++)
        x = scl_relu(m->graph,
                     scl_layer_linear(m, scl_layer_name(m, "%s.layers.%d", name, i), x, hidden));
    return scl_layer_linear(m, scl_layer_name(m, "%s.layers.2", name), x, out);
}

scl_tensor *scl_layer_embedding(const scl_sam *m, const char *name, int64_t rows, int64_t dim)
{
    return weight_of(m, name, SCL_SHAPE(rows, dim), (scl_init){SCL_INIT_NORMAL, 1});
}
