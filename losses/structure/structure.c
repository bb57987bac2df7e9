/* structure — the structure loss of F3Net and PraNet (Wei et al., arXiv 1911.11445; Fan et al.,
 * arXiv 2006.11392), which Conv-LoRA's binary tasks are trained with: with the mean m of t over a
 * window around a pixel and w = 1 + boost |m - t|, large near edges, the sum of the cross-entropy,
 * weighted by w, and 1 - (sum p t w + 1) / (sum (p + t - p t) w + 1).
 *
 * The code that was released (PraNet's, and AutoGluon's optim/losses/structure_loss.py) passes
 * reduce="none" to binary_cross_entropy, which then gives the mean over the batch: its first term
 * is the plain one. `weighting: released` does so, too. */
#include <samcl/plugin.h>

typedef struct structure_params {
    int64_t kernel;
    double boost;
    int32_t weighting;
} structure_params;

enum { TRUE_WEIGHTS, RELEASED };
static const char *const weightings[] = {"true", "released", NULL};

static const scl_param table[] = {
    {"kernel", SCL_PARAM_INT, offsetof(structure_params, kernel), "31", 1, 1001, NULL,
     "side of the window, in pixels of the mask, odd; masks have 256 pixels a side for images of "
     "1024, so that 7 is what 31 is for losses at 1024"},
    {"boost", SCL_PARAM_FLOAT, offsetof(structure_params, boost), "5", 0, 1000, NULL,
     "how much more a pixel at an edge weighs"},
    {"weighting", SCL_PARAM_CHOICE, offsetof(structure_params, weighting), "true", 0, 0, weightings,
     "of the cross-entropy: true as published, or released as the code of PraNet and AutoGluon has "
     "it, the plain mean over the batch"},
};

/* Each mask's share of the mean of `pixels` over the batch, times the masks that have pixels. */
static scl_tensor *mean_of_batch(scl_builder *b, scl_tensor *pixels, scl_tensor *weight)
{
    scl_tensor *counts = b->sum(b, weight, 1, 3);
    scl_tensor *masks = b->sum(b, b->step(b, counts), 0, 1);
    scl_tensor *all = b->maximum(b, b->sum(b, counts, 0, 1), b->scalar(b, 1));
    return b->mul(b, b->sum(b, b->mul(b, pixels, weight), 1, 3), b->div(b, masks, all));
}

static scl_tensor *build(scl_builder *b, const void *params, const scl_loss_inputs *in)
{
    const structure_params *p = params;
    if (in->task == SCL_TASK_MULTICLASS)
        return b->fail(b, "it compares one mask with one object; for the task multiclass use "
                          "cross_entropy with dice or iou");
    if (p->kernel % 2 == 0)
        return b->fail(b, "`kernel` must be odd, as the window has a pixel in its middle");
    scl_tensor *x = in->logits, *t = b->mul(b, in->target, in->weight);
    scl_tensor *edge = b->abs(b, b->sub(b, b->avg_pool(b, t, p->kernel), t));
    scl_tensor *w = b->mul(b, b->affine(b, edge, (float)p->boost, 1), in->weight);
    scl_tensor *missed = b->mul(b, t, b->softplus(b, b->affine(b, x, -1, 0)));
    scl_tensor *invented = b->mul(b, b->affine(b, t, -1, 1), b->softplus(b, x));
    scl_tensor *bce = b->add(b, missed, invented);
    bce = p->weighting == RELEASED ? mean_of_batch(b, bce, in->weight)
                                   : b->weighted_mean(b, bce, w, 1, 3);
    scl_tensor *prob = b->sigmoid(b, x), *both = b->mul(b, prob, t);
    scl_tensor *either = b->sub(b, b->add(b, prob, t), both);
    scl_tensor *iou = b->div(b, b->affine(b, b->sum(b, b->mul(b, both, w), 1, 3), 1, 1),
                             b->affine(b, b->sum(b, b->mul(b, either, w), 1, 3), 1, 1));
    return b->affine(b, b->sub(b, bce, iou), 1, 1);
}

static const scl_loss_interface loss = {.struct_size = sizeof loss, .build = build};

static const scl_plugin plugin = {
    SCL_PLUGIN_HEAD,
    .kind = SCL_PLUGIN_LOSS,
    .id = "structure",
    .version = "1.0",
    .summary = "weighted cross-entropy and IoU that favour the pixels near edges",
    .licence = "Apache-2.0",
    .params_size = sizeof(structure_params),
    .params = table,
    .param_count = sizeof table / sizeof table[0],
    .interface = &loss};

const scl_plugin *scl_plugin_entry_v1(void)
{
    return &plugin;
}
