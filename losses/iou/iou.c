/* iou — 1 - (I + s) / (U + s), with I = sum p t and U = sum (p + t - p t) over the pixels of a mask
 * that count: the soft Jaccard index (Rahman & Wang, ISVC 2016). multiclass: p is the softmax over
 * the classes, and the value the mean over the classes. */
#include <samcl/plugin.h>

typedef struct iou_params {
    double smooth;
    int32_t include_background;
} iou_params;

static const scl_param table[] = {
    {"smooth", SCL_PARAM_FLOAT, offsetof(iou_params, smooth), "1", 1e-6, 1e6, NULL,
     "s of the formula, in pixels: gives empty masks a value, and flattens that of small ones"},
    {"include_background", SCL_PARAM_BOOL, offsetof(iou_params, include_background), "true", 0, 0,
     NULL, "multiclass: whether class 0 counts in the mean over the classes"},
};

static scl_tensor *build(scl_builder *b, const void *params, const scl_loss_inputs *in)
{
    const iou_params *p = params;
    float smooth = (float)p->smooth;
    scl_regions r = scl_loss_regions(b, in, p->include_background ? 0 : 1);
    scl_tensor *both = b->mul(b, r.prob, r.truth);
    scl_tensor *either = b->sub(b, b->add(b, r.prob, r.truth), both);
    scl_tensor *iou = b->div(b, b->affine(b, b->sum(b, both, 2, 2), 1, smooth),
                             b->affine(b, b->sum(b, either, 2, 2), 1, smooth));
    return b->affine(b, b->mean(b, iou, 1, 1), -1, 1);
}

static const scl_loss_interface loss = {.struct_size = sizeof loss, .build = build};

static const scl_plugin plugin = {SCL_PLUGIN_HEAD,
                                  .kind = SCL_PLUGIN_LOSS,
                                  .id = "iou",
                                  .version = "1.0",
                                  .summary =
                                      "one minus the soft intersection over union of each mask",
                                  .licence = "Apache-2.0",
                                  .params_size = sizeof(iou_params),
                                  .params = table,
                                  .param_count = sizeof table / sizeof table[0],
                                  .interface = &loss};

const scl_plugin *scl_plugin_entry_v1(void)
{
    return &plugin;
}
