/* bce_with_logits — binary cross-entropy, averaged over the pixels of a mask that count.
 *
 * Per pixel pos_weight t softplus(-x) + (1 - t) softplus(x), as
 * torch.nn.functional.binary_cross_entropy_with_logits: softplus(-x) is -log(sigmoid(x)). */
#include <samcl/plugin.h>

typedef struct bce_params {
    double pos_weight;
} bce_params;

static const scl_param table[] = {
    {"pos_weight", SCL_PARAM_FLOAT, offsetof(bce_params, pos_weight), "1", 0, 1e6, NULL,
     "factor of the pixels of the object; above 1 favours recall (torch's pos_weight)"},
};

static scl_tensor *build(scl_builder *b, const void *params, const scl_loss_inputs *in)
{
    const bce_params *p = params;
    if (in->task == SCL_TASK_MULTICLASS)
        return b->fail(b, "it compares one mask with one object; for the task multiclass use "
                          "cross_entropy");
    scl_tensor *x = in->logits, *t = in->target;
    scl_tensor *missed = b->mul(b, t, b->softplus(b, b->affine(b, x, -1, 0)));
    scl_tensor *invented = b->mul(b, b->affine(b, t, -1, 1), b->softplus(b, x));
    scl_tensor *pixels = b->add(b, b->affine(b, missed, (float)p->pos_weight, 0), invented);
    return b->weighted_mean(b, pixels, in->weight, 1, 3);
}

static const scl_loss_interface loss = {.struct_size = sizeof loss, .build = build};

static const scl_plugin plugin = {SCL_PLUGIN_HEAD,
                                  .kind = SCL_PLUGIN_LOSS,
                                  .id = "bce_with_logits",
                                  .version = "1.0",
                                  .summary = "binary cross-entropy of each pixel",
                                  .licence = "Apache-2.0",
                                  .params_size = sizeof(bce_params),
                                  .params = table,
                                  .param_count = sizeof table / sizeof table[0],
                                  .interface = &loss};

const scl_plugin *scl_plugin_entry_v1(void)
{
    return &plugin;
}
