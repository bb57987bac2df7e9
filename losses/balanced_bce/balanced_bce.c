/* balanced_bce — binary cross-entropy in which the object's pixels weigh as much as the others:
 * with P and N the numbers of either in the batch, the mean over its pixels of N / (P + N) t
 * softplus(-x) + P / (P + N) (1 - t) softplus(x) (Conv-LoRA's loss for shadows, in AutoGluon's
 * optim/losses: P / (P + N) times binary_cross_entropy_with_logits with pos_weight N / P). A batch
 * without an object has nothing to balance, and value 0. */
#include <samcl/plugin.h>

/* Sums of each mask to those of the batch. */
static scl_tensor *of_batch(scl_builder *b, scl_tensor *of_masks)
{
    return b->affine(b, b->sum(b, of_masks, 0, 1), 1, 1e-10f);
}

static scl_tensor *build(scl_builder *b, const void *params, const scl_loss_inputs *in)
{
    (void)params;
    if (in->task == SCL_TASK_MULTICLASS)
        return b->fail(b, "it balances one object with its background; for the task multiclass use "
                          "cross_entropy with `class_weights`");
    scl_tensor *t = b->mul(b, in->target, in->weight), *others = b->sub(b, in->weight, t);
    scl_tensor *missed = b->mul(b, t, b->softplus(b, b->affine(b, in->logits, -1, 0)));
    scl_tensor *invented = b->mul(b, others, b->softplus(b, in->logits));
    scl_tensor *pixels = b->sum(b, in->weight, 1, 3), *all = of_batch(b, pixels);
    scl_tensor *object_share = b->div(b, of_batch(b, b->sum(b, t, 1, 3)), all);
    scl_tensor *other_share = b->div(b, of_batch(b, b->sum(b, others, 1, 3)), all);
    scl_tensor *of_mask = b->add(b, b->mul(b, b->sum(b, missed, 1, 3), other_share),
                                 b->mul(b, b->sum(b, invented, 1, 3), object_share));
    /* times the masks that have pixels, as the host takes their mean */
    scl_tensor *masks = b->sum(b, b->step(b, pixels), 0, 1);
    return b->mul(b, of_mask, b->div(b, masks, all));
}

static const scl_loss_interface loss = {.struct_size = sizeof loss, .build = build};

static const scl_plugin plugin = {SCL_PLUGIN_HEAD,
                                  .kind = SCL_PLUGIN_LOSS,
                                  .id = "balanced_bce",
                                  .version = "1.0",
                                  .summary =
                                      "cross-entropy with object and background of one weight",
                                  .licence = "Apache-2.0",
                                  .interface = &loss};

const scl_plugin *scl_plugin_entry_v1(void)
{
    return &plugin;
}
