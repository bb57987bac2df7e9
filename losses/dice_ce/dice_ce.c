/* dice_ce — lambda_dice Dice + lambda_ce CE, as monai.losses.DiceCELoss with sigmoid=True, or for
 * multiclass with softmax=True and to_onehot_y=True. Dice is 1 - (2 sum p t + smooth_nr) /
 * (sum p + sum t + smooth_dr), or with squared_pred of p^2 and t^2; CE the binary cross-entropy of
 * the mask, or that of the classes.
 *
 * MONAI up to 1.2 took the softmax over the classes for one mask, too: over one channel it is 1,
 * whatever the logits, and CE always 0. What was trained with it was trained on Dice alone. */
#include <samcl/plugin.h>

typedef struct dice_ce_params {
    int32_t monai, squared_pred, include_background;
    double smooth_nr, smooth_dr, lambda_dice, lambda_ce;
} dice_ce_params;

enum { MONAI_1_3, MONAI_1_2 };
static const char *const versions[] = {"1.3", "1.2", NULL};

static const scl_param table[] = {
    {"monai", SCL_PARAM_CHOICE, offsetof(dice_ce_params, monai), "1.3", 0, 0, versions,
     "1.3 is MONAI from 1.3 on; 1.2 is up to 1.2, where the CE of one mask is 0"},
    {"squared_pred", SCL_PARAM_BOOL, offsetof(dice_ce_params, squared_pred), "false", 0, 0, NULL,
     "squares in the denominator of Dice; true in the usual fine-tuning notebook for SAM"},
    {"include_background", SCL_PARAM_BOOL, offsetof(dice_ce_params, include_background), "true", 0,
     0, NULL, "multiclass: whether class 0 counts in Dice"},
    {"smooth_nr", SCL_PARAM_FLOAT, offsetof(dice_ce_params, smooth_nr), "1e-5", 0, 1e6, NULL,
     "added to the numerator, in pixels"},
    {"smooth_dr", SCL_PARAM_FLOAT, offsetof(dice_ce_params, smooth_dr), "1e-5", 1e-6, 1e6, NULL,
     "added to the denominator, in pixels"},
    {"lambda_dice", SCL_PARAM_FLOAT, offsetof(dice_ce_params, lambda_dice), "1", 0, 1e6, NULL,
     "factor of Dice"},
    {"lambda_ce", SCL_PARAM_FLOAT, offsetof(dice_ce_params, lambda_ce), "1", 0, 1e6, NULL,
     "factor of the cross-entropy"},
};

static scl_tensor *area(scl_builder *b, scl_tensor *share, int32_t squared)
{
    return b->sum(b, squared ? b->mul(b, share, share) : share, 2, 2);
}

static scl_tensor *dice(scl_builder *b, const dice_ce_params *p, const scl_loss_inputs *in)
{
    scl_regions r = scl_loss_regions(b, in, p->include_background ? 0 : 1);
    scl_tensor *both = b->sum(b, b->mul(b, r.prob, r.truth), 2, 2);
    scl_tensor *areas =
        b->add(b, area(b, r.prob, p->squared_pred), area(b, r.truth, p->squared_pred));
    scl_tensor *dice = b->div(b, b->affine(b, both, 2, (float)p->smooth_nr),
                              b->affine(b, areas, 1, (float)p->smooth_dr));
    return b->affine(b, b->mean(b, dice, 1, 1), -1, 1);
}

/* [B, 1, 1, 1], or NULL where it is 0. */
static scl_tensor *cross_entropy(scl_builder *b, const dice_ce_params *p, const scl_loss_inputs *in)
{
    scl_tensor *x = in->logits, *t = in->target, *pixels;
    if (in->task == SCL_TASK_MULTICLASS) {
        scl_tensor *hot = b->one_hot(b, t, in->classes, 1);
        pixels = b->sum(b, b->mul(b, hot, b->affine(b, b->log_softmax(b, x, 1), -1, 0)), 1, 1);
    } else if (p->monai == MONAI_1_3) {
        scl_tensor *missed = b->mul(b, t, b->softplus(b, b->affine(b, x, -1, 0)));
        pixels = b->add(b, missed, b->mul(b, b->affine(b, t, -1, 1), b->softplus(b, x)));
    } else {
        return NULL;
    }
    return b->weighted_mean(b, pixels, in->weight, 1, 3);
}

static scl_tensor *build(scl_builder *b, const void *params, const scl_loss_inputs *in)
{
    const dice_ce_params *p = params;
    scl_tensor *loss = b->affine(b, dice(b, p, in), (float)p->lambda_dice, 0);
    scl_tensor *ce = cross_entropy(b, p, in);
    return ce != NULL ? b->add(b, loss, b->affine(b, ce, (float)p->lambda_ce, 0)) : loss;
}

static const scl_loss_interface loss = {.struct_size = sizeof loss, .build = build};

static const scl_plugin plugin = {SCL_PLUGIN_HEAD,
                                  .kind = SCL_PLUGIN_LOSS,
                                  .id = "dice_ce",
                                  .version = "1.0",
                                  .summary = "Dice and cross-entropy in one, as MONAI has it",
                                  .licence = "Apache-2.0",
                                  .params_size = sizeof(dice_ce_params),
                                  .params = table,
                                  .param_count = sizeof table / sizeof table[0],
                                  .interface = &loss};

const scl_plugin *scl_plugin_entry_v1(void)
{
    return &plugin;
}
