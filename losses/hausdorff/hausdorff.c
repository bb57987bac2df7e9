/* hausdorff — the mean over the pixels of (p - t)^2 (d_p^alpha + d_t^alpha): the distance
 * transforms of the predicted and of the true mask, each the distance, in pixels, to the nearest
 * pixel of its other side (Karimi & Salcudean, arXiv 1904.10030, Loss_DT;
 * monai.losses.HausdorffDTLoss). A mask without an object, or without a background, has no boundary
 * and distances 0. Distances are constants to the gradient. multiclass: p is the softmax over the
 * classes, and the value the mean over them. */
#include <samcl/plugin.h>

typedef struct hausdorff_params {
    double alpha;
    int32_t include_background;
} hausdorff_params;

static const scl_param table[] = {
    {"alpha", SCL_PARAM_FLOAT, offsetof(hausdorff_params, alpha), "2", 0.1, 10, NULL,
     "exponent of the distances: larger, and far errors count more"},
    {"include_background", SCL_PARAM_BOOL, offsetof(hausdorff_params, include_background), "false",
     0, 0, NULL, "multiclass: whether class 0 counts in the mean over the classes"},
};

/* To the boundary of what covers more than half of a pixel. */
static scl_tensor *field(scl_builder *b, scl_tensor *share, scl_tensor *weight, double alpha)
{
    scl_tensor *inside = b->step(b, b->affine(b, share, 1, -0.5f));
    scl_tensor *outside = b->sub(b, weight, inside);
    scl_tensor *depth = b->mul(b, b->distance(b, outside), inside);
    scl_tensor *distance = b->add(b, depth, b->mul(b, b->distance(b, inside), outside));
    return b->pow(b, distance, (float)alpha);
}

static scl_tensor *build(scl_builder *b, const void *params, const scl_loss_inputs *in)
{
    const hausdorff_params *p = params;
    scl_regions r = scl_loss_regions(b, in, p->include_background ? 0 : 1);
    scl_tensor *fields =
        b->add(b, field(b, r.prob, in->weight, p->alpha), field(b, r.truth, in->weight, p->alpha));
    scl_tensor *error = b->sub(b, r.prob, r.truth);
    scl_tensor *pixels = b->mul(b, b->mul(b, error, error), fields);
    return b->weighted_mean(b, pixels, in->weight, 1, 3);
}

static const scl_loss_interface loss = {.struct_size = sizeof loss, .build = build};

static const scl_plugin plugin = {SCL_PLUGIN_HEAD,
                                  .kind = SCL_PLUGIN_LOSS,
                                  .id = "hausdorff",
                                  .version = "1.0",
                                  .summary = "squared error times distances to both boundaries",
                                  .licence = "Apache-2.0",
                                  .params_size = sizeof(hausdorff_params),
                                  .params = table,
                                  .param_count = sizeof table / sizeof table[0],
                                  .interface = &loss};

const scl_plugin *scl_plugin_entry_v1(void)
{
    return &plugin;
}
