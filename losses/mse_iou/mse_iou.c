/* mse_iou — the squared error of the decoder's own estimate of its IoU (Kirillov et al., arXiv
 * 2304.02643, appendix A; SAM 2, training/loss_fns.py).
 *
 * The actual IoU is |x > 0 and t| / max(|x > 0 or t|, 1) over the pixels that count. It is a
 * constant: only the estimate learns. */
#include <samcl/plugin.h>

static scl_tensor *build(scl_builder *b, const void *params, const scl_loss_inputs *in)
{
    (void)params;
    if (in->iou_prediction == NULL)
        return b->fail(b, "it judges the decoder's IoU estimates, which the task multiclass has "
                          "not: remove it");
    scl_tensor *found = b->mul(b, b->step(b, in->logits), in->weight);
    scl_tensor *truth = b->mul(b, in->target, in->weight);
    scl_tensor *both = b->sum(b, b->minimum(b, found, truth), 1, 3);
    scl_tensor *either = b->sum(b, b->maximum(b, found, truth), 1, 3);
    scl_tensor *iou = b->div(b, both, b->maximum(b, either, b->scalar(b, 1)));
    const int64_t dims[] = {b->dim(b, in->logits, 0), 1};
    scl_tensor *error = b->sub(b, in->iou_prediction, b->reshape(b, iou, 2, dims));
    return b->mul(b, error, error);
}

static const scl_loss_interface loss = {
    .struct_size = sizeof loss, .build = build, .every_mask = 1};

static const scl_plugin plugin = {SCL_PLUGIN_HEAD,
                                  .kind = SCL_PLUGIN_LOSS,
                                  .id = "mse_iou",
                                  .version = "1.0",
                                  .summary = "squared error of the predicted IoU",
                                  .licence = "Apache-2.0",
                                  .interface = &loss};

const scl_plugin *scl_plugin_entry_v1(void)
{
    return &plugin;
}
