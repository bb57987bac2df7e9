/* log_cosh_dice — log(cosh(d)) of the Dice loss d = 1 - (2 sum(p t) + s) / (sum p + sum t + s),
 * with sums over the pixels of a mask that count (Jadon, arXiv 2006.14822): near 0 as d^2 / 2, so
 * that it gets flat as the mask gets right. */
#include <samcl/plugin.h>

typedef struct log_cosh_dice_params {
    double smooth;
} log_cosh_dice_params;

static const scl_param table[] = {
    {"smooth", SCL_PARAM_FLOAT, offsetof(log_cosh_dice_params, smooth), "1", 1e-6, 1e6, NULL,
     "s of the formula, in pixels: gives empty masks a value"},
};

static scl_tensor *build(scl_builder *b, const void *params, const scl_loss_inputs *in)
{
    const log_cosh_dice_params *p = params;
    if (in->task == SCL_TASK_MULTICLASS)
        return b->fail(b, "it compares one mask with one object; for the task multiclass use dice");
    scl_tensor *prob = b->mul(b, b->sigmoid(b, in->logits), in->weight);
    scl_tensor *truth = b->mul(b, in->target, in->weight);
    scl_tensor *both = b->sum(b, b->mul(b, prob, truth), 1, 3);
    scl_tensor *areas = b->sum(b, b->add(b, prob, truth), 1, 3);
    scl_tensor *dice = b->div(b, b->affine(b, both, 2, (float)p->smooth),
                              b->affine(b, areas, 1, (float)p->smooth));
    scl_tensor *d = b->affine(b, dice, -1, 1);
    scl_tensor *cosh =
        b->affine(b, b->add(b, b->exp(b, d), b->exp(b, b->affine(b, d, -1, 0))), 0.5f, 0);
    return b->log(b, cosh);
}

static const scl_loss_interface loss = {.struct_size = sizeof loss, .build = build};

static const scl_plugin plugin = {SCL_PLUGIN_HEAD,
                                  .kind = SCL_PLUGIN_LOSS,
                                  .id = "log_cosh_dice",
                                  .version = "1.0",
                                  .summary = "Dice that gets flat as the mask gets right",
                                  .licence = "Apache-2.0",
                                  .params_size = sizeof(log_cosh_dice_params),
                                  .params = table,
                                  .param_count = sizeof table / sizeof table[0],
                                  .interface = &loss};

const scl_plugin *scl_plugin_entry_v1(void)
{
    return &plugin;
}
