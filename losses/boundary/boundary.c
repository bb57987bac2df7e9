/* boundary — the mean over the pixels of p phi, with phi the signed distance to the true boundary,
 * in pixels: d outside, 1 - d inside, d the distance to the nearest pixel of the other side
 * (Kervadec et al., arXiv 1812.07032; their code, utils.one_hot2dist and losses.SurfaceLoss). It
 * falls below 0, and is 0 for a mask without an object or without a background. Their advice is to
 * use it beside dice. multiclass: p is the softmax over the classes, and the value the mean over
 * the classes. The object has the pixels of which it covers more than half; the edge of the picture
 * is no boundary. */
#include <samcl/plugin.h>

typedef struct boundary_params {
    int32_t include_background;
} boundary_params;

static const scl_param table[] = {
    {"include_background", SCL_PARAM_BOOL, offsetof(boundary_params, include_background), "false",
     0, 0, NULL, "multiclass: whether class 0 counts in the mean over the classes"},
};

static scl_tensor *build(scl_builder *b, const void *params, const scl_loss_inputs *in)
{
    const boundary_params *p = params;
    scl_regions r = scl_loss_regions(b, in, p->include_background ? 0 : 1);
    scl_tensor *inside = b->step(b, b->affine(b, r.truth, 1, -0.5f));
    scl_tensor *outside = b->sub(b, in->weight, inside);
    scl_tensor *depth = b->relu(b, b->affine(b, b->distance(b, outside), 1, -1));
    scl_tensor *phi =
        b->sub(b, b->mul(b, b->distance(b, inside), outside), b->mul(b, depth, inside));
    return b->weighted_mean(b, b->mul(b, r.prob, phi), in->weight, 1, 3);
}

static const scl_loss_interface loss = {.struct_size = sizeof loss, .build = build};

static const scl_plugin plugin = {SCL_PLUGIN_HEAD,
                                  .kind = SCL_PLUGIN_LOSS,
                                  .id = "boundary",
                                  .version = "1.0",
                                  .summary =
                                      "probability times the signed distance to the true boundary",
                                  .licence = "Apache-2.0",
                                  .params_size = sizeof(boundary_params),
                                  .params = table,
                                  .param_count = sizeof table / sizeof table[0],
                                  .interface = &loss};

const scl_plugin *scl_plugin_entry_v1(void)
{
    return &plugin;
}
