/* lovasz — the Lovasz extension of the Jaccard loss (Berman et al., arXiv 1705.08790; their code,
 * pytorch/lovasz_losses.py, with per_image=True): the hinge 1 - x (2 t - 1) of each pixel, or for
 * multiclass |t - p| with p the softmax, the largest first, times how much one more pixel wrong
 * adds to the Jaccard loss. t is whether the object covers more than half of a pixel.
 *
 * That addition is 1 / U in a pixel of the object and I / (U (U - 1)) in another, with I and U the
 * intersection and union when all pixels up to it are wrong: differences of 1 - I / U, as they
 * write it, would lose their digits in masks of many pixels. */
#include <samcl/plugin.h>

typedef struct lovasz_params {
    int32_t classes;
    int32_t include_background;
} lovasz_params;

enum { PRESENT, ALL };
static const char *const class_choices[] = {"present", "all", NULL};

static const scl_param table[] = {
    {"classes", SCL_PARAM_CHOICE, offsetof(lovasz_params, classes), "present", 0, 0, class_choices,
     "multiclass: the mean is over the classes that an image has, or over all"},
    {"include_background", SCL_PARAM_BOOL, offsetof(lovasz_params, include_background), "true", 0,
     0, NULL, "multiclass: whether class 0 counts in the mean over the classes"},
};

/* Pixels as one axis: [B, C, H W]. */
static scl_tensor *flat(scl_builder *b, scl_tensor *x)
{
    const int64_t dims[] = {b->dim(b, x, 0), b->dim(b, x, 1), b->dim(b, x, 2) * b->dim(b, x, 3)};
    return b->reshape(b, x, 3, dims);
}

/* What each pixel adds to the Jaccard loss, from the truths [B, C, H W] in the order of errors.
 * Only where there is no object U is 1 in a pixel outside: the first adds all of the loss, 1. */
static scl_tensor *additions(scl_builder *b, scl_tensor *truth)
{
    scl_tensor *others = b->affine(b, truth, -1, 1);
    scl_tensor *object = b->sum(b, truth, 2, 1);
    scl_tensor *both = b->sub(b, object, b->cumsum(b, truth, 2));
    scl_tensor *either = b->add(b, object, b->cumsum(b, others, 2));
    scl_tensor *alone = b->step(b, b->affine(b, either, -1, 1.5f));
    scl_tensor *before = b->maximum(b, b->affine(b, either, 1, -1), b->scalar(b, 1));
    scl_tensor *share = b->div(b, b->add(b, both, alone), before);
    return b->div(b, b->add(b, truth, b->mul(b, others, share)), either);
}

static scl_tensor *build(scl_builder *b, const void *params, const scl_loss_inputs *in)
{
    const lovasz_params *p = params;
    scl_regions r = scl_loss_regions(b, in, p->include_background ? 0 : 1);
    scl_tensor *truth = b->step(b, b->affine(b, r.truth, 1, -0.5f)), *error;
    if (in->task == SCL_TASK_MULTICLASS)
        error = b->abs(b, b->sub(b, truth, r.prob));
    else
        error = b->affine(b, b->mul(b, in->logits, b->affine(b, truth, 2, -1)), -1, 1);
    /* a pixel that does not count comes after all that add to the loss, and adds 0 */
    error = flat(b, b->mul(b, error, in->weight));
    truth = flat(b, truth);
    scl_tensor *order = b->argsort(b, error);
    scl_tensor *sorted = b->relu(b, b->reorder(b, error, order));
    scl_tensor *loss =
        b->sum(b, b->mul(b, sorted, additions(b, b->reorder(b, truth, order))), 2, 1);
    if (in->task != SCL_TASK_MULTICLASS || p->classes == ALL)
        return b->mean(b, loss, 1, 1);
    return b->weighted_mean(b, loss, b->step(b, b->sum(b, truth, 2, 1)), 1, 1);
}

static const scl_loss_interface loss = {.struct_size = sizeof loss, .build = build};

static const scl_plugin plugin = {SCL_PLUGIN_HEAD,
                                  .kind = SCL_PLUGIN_LOSS,
                                  .id = "lovasz",
                                  .version = "1.0",
                                  .summary =
                                      "convex surrogate of one minus the IoU, by sorted errors",
                                  .licence = "Apache-2.0",
                                  .params_size = sizeof(lovasz_params),
                                  .params = table,
                                  .param_count = sizeof table / sizeof table[0],
                                  .interface = &loss};

const scl_plugin *scl_plugin_entry_v1(void)
{
    return &plugin;
}
