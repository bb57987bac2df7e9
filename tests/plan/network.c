#include "plan/network.h"

#include <stdio.h>

static scl_tensor *layer(scl_graph *g, const char *name, scl_tensor *x, int64_t out, bool trained)
{
    char weight[64], bias[64];
    snprintf(weight, sizeof weight, "%s.weight", name);
    snprintf(bias, sizeof bias, "%s.bias", name);
    int64_t in = x == NULL ? 1 : x->shape.dim[x->shape.ndim - 1];
    scl_init init = {SCL_INIT_UNIFORM, 0.5f};
    scl_tensor *w = scl_parameter(g, weight, SCL_SHAPE(out, in), init, trained);
    return scl_linear(g, x, w, scl_parameter(g, bias, SCL_SHAPE(out), init, trained), 1);
}

network network_build(int64_t batch, bool train, bool encoder_trained, scl_error *err)
{
    network n = {.graph = scl_graph_create(err)};
    scl_graph *g = n.graph;
    if (g == NULL)
        return n;
    n.image = scl_input(g, "image", SCL_F32, SCL_SHAPE(batch, 12, 8));
    n.offset = scl_input(g, "offset", SCL_F32, SCL_SHAPE(batch, 1, 1));
    scl_graph_scope(g, "encoder");
    scl_tensor *x = layer(g, "encoder.first", n.image, 24, encoder_trained);
    scl_tensor *hidden = layer(g, "encoder.second", scl_gelu(g, x), 24, encoder_trained);
    n.encoded = scl_add(g, hidden, x);
    scl_graph_scope(g, "head");
    const float table[2] = {0.25f, 0.75f};
    scl_tensor *matrix =
        scl_parameter(g, "matrix", SCL_SHAPE(2, 12), (scl_init){SCL_INIT_NORMAL, 1}, false);
    scl_tensor *code = scl_fourier_features(g, scl_constant(g, table, SCL_SHAPE(1, 1, 2)), matrix);
    scl_tensor *moved = scl_add(g, scl_add(g, n.encoded, n.offset), code);
    scl_tensor *y = scl_relu(g, layer(g, "head.first", moved, 16, true));
    y = layer(g, "head.second", y, 3, true);
    n.loss = scl_reshape(g, scl_mean(g, scl_mul(g, y, y), 0, 3), SCL_SHAPE(1));
    if (n.loss != NULL)
        n.loss->keep = true;
    n.weight = scl_graph_find(g, "head.first.weight");
    if (train && scl_autodiff(g, n.loss, err) == SCL_OK)
        n.weight->grad->keep = true;
    return n;
}
