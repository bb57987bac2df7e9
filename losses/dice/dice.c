/* dice — 1 - (2 sum(p t) + s) / (sum p + sum t + s), with sums over the pixels of a mask that
 * count (SAM 2, training/loss_fns.py; the squares of Milletari et al., V-Net, arXiv 1606.04797, are
 * left out there and here). multiclass: p is the softmax over the classes, and the value the mean
 * over the classes. */
#include <samcl/plugin.h>

typedef struct dice_params {
    double smooth;
    int32_t include_background;
} dice_params;

static const scl_param table[] = {
    {"smooth", SCL_PARAM_FLOAT, offsetof(dice_params, smooth), "1", 1e-6, 1e6, NULL,
     "s of the formula, in pixels: gives empty masks a value, and flattens that of small ones"},
    {"include_background", SCL_PARAM_BOOL, offsetof(dice_params, include_background), "true", 0, 0,
     NULL, "multiclass: whether class 0 counts in the mean over the classes"},
};

static scl_tensor *build(scl_builder *b, const void *params, const scl_loss_inputs *in)
{
    const dice_params *p = params;
    scl_regions r = scl_loss_regions(b, in, p->include_background ? 0 : 1);
    scl_tensor *overlap = b->mul(b, r.prob, r.truth);
    scl_tensor *areas = b->add(b, r.prob, r.truth);
    float smooth = (float)p->smooth;
    scl_tensor *dice = b->div(b, b->affine(b, b->sum(b, overlap, 2, 2), 2, smooth),
                              b->affine(b, b->sum(b, areas, 2, 2), 1, smooth));
    return b->affine(b, b->mean(b, dice, 1, 1), -1, 1);
}

static const scl_loss_interface loss = {.struct_size = sizeof loss, .build = build};

static const scl_plugin plugin = {SCL_PLUGIN_HEAD,
                                  .kind = SCL_PLUGIN_LOSS,
                                  .id = "dice",
                                  .version = "1.0",
                                  .summary = "one minus the soft Dice coefficient of each mask",
                                  .licence = "Apache-2.0",
                                  .params_size = sizeof(dice_params),
                                  .params = table,
                                  .param_count = sizeof table / sizeof table[0],
                                  .interface = &loss};

const scl_plugin *scl_plugin_entry_v1(void)
{
    return &plugin;
}
