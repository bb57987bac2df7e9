/* focal — cross-entropy with a small weight on pixels that are right already, averaged over the
 * pixels of a mask that count.
 *
 * Per pixel a_t (1 - p_t)^gamma (-log p_t), with p_t = p t + (1 - p)(1 - t) and
 * a_t = alpha t + (1 - alpha)(1 - t) (Lin et al., arXiv 1708.02002; torchvision.ops
 * .sigmoid_focal_loss; SAM 2, training/loss_fns.py). With u = -x where t is 1 and x where it is 0,
 * -log p_t = softplus(u) and 1 - p_t = exp(-softplus(-u)): exact, and finite in its derivative, for
 * every logit and gamma. */
#include <samcl/plugin.h>

typedef struct focal_params {
    double alpha, gamma;
} focal_params;

static const scl_param table[] = {
    {"alpha", SCL_PARAM_FLOAT, offsetof(focal_params, alpha), "0.25", -1, 1, NULL,
     "factor of the object's pixels, 1 - alpha is that of the others; below 0: no factors"},
    {"gamma", SCL_PARAM_FLOAT, offsetof(focal_params, gamma), "2", 0, 20, NULL,
     "how fast pixels lose weight as they get right; 0: plain cross-entropy"},
};

static scl_tensor *build(scl_builder *b, const void *params, const scl_loss_inputs *in)
{
    const focal_params *p = params;
    if (in->task == SCL_TASK_MULTICLASS)
        return b->fail(b, "it compares one mask with one object; for the task multiclass use "
                          "cross_entropy");
    float alpha = (float)p->alpha;
    scl_tensor *t = in->target;
    scl_tensor *u = b->mul(b, in->logits, b->affine(b, t, -2, 1));
    scl_tensor *log_wrong = b->softplus(b, b->affine(b, u, -1, 0));
    scl_tensor *wrong = b->exp(b, b->affine(b, log_wrong, (float)-p->gamma, 0));
    scl_tensor *pixels = b->mul(b, b->softplus(b, u), wrong);
    if (alpha >= 0)
        pixels = b->mul(b, pixels, b->affine(b, t, 2 * alpha - 1, 1 - alpha));
    return b->weighted_mean(b, pixels, in->weight, 1, 3);
}

static const scl_loss_interface loss = {.struct_size = sizeof loss, .build = build};

static const scl_plugin plugin = {SCL_PLUGIN_HEAD,
                                  .kind = SCL_PLUGIN_LOSS,
                                  .id = "focal",
                                  .version = "1.0",
                                  .summary = "cross-entropy that passes over pixels already right",
                                  .licence = "Apache-2.0",
                                  .params_size = sizeof(focal_params),
                                  .params = table,
                                  .param_count = sizeof table / sizeof table[0],
                                  .interface = &loss};

const scl_plugin *scl_plugin_entry_v1(void)
{
    return &plugin;
}
