/* cross_entropy — -log softmax of the true class, for the task multiclass.
 *
 * Exactly torch.nn.functional.cross_entropy with reduction "mean" over the batch: the pixels of all
 * images are summed, weighted by the class of each, and divided by the sum of those weights. What
 * an image contributes is multiplied by the number of images that have pixels, so that the mean
 * over them is torch's. The value is 0 where torch has NaN: when no pixel counts. */
#include <samcl/plugin.h>

#include <stdio.h>

#define MAX_CLASSES 4096

typedef struct ce_params {
    scl_param_floats class_weights;
    int64_t ignore_index;
    double label_smoothing;
} ce_params;

static const scl_param table[] = {
    {"class_weights", SCL_PARAM_FLOATS, offsetof(ce_params, class_weights), "null", 0, 1e6, NULL,
     "a factor for each class, in the order of the mask values; null: 1 each"},
    {"ignore_index", SCL_PARAM_INT, offsetof(ce_params, ignore_index), "null", 0, 65535, NULL,
     "a class whose pixels do not count; null: none"},
    {"label_smoothing", SCL_PARAM_FLOAT, offsetof(ce_params, label_smoothing), "0", 0, 1, NULL,
     "share of the target spread evenly over all classes (Szegedy et al., arXiv 1512.00567)"},
};

/* [1, classes, 1, 1]: the given weights, or 1 each, and 0 for the class `ignored`. */
static scl_tensor *class_row(scl_builder *b, int64_t classes, const scl_param_floats *weights,
                             int64_t ignored)
{
    float row[MAX_CLASSES];
    for (int64_t c = 0; c < classes; c++)
        row[c] = c == ignored ? 0 : weights->count > 0 ? (float)weights->items[c] : 1;
    const int64_t dims[] = {1, classes, 1, 1};
    return b->constant(b, row, 4, dims);
}

/* What keeps this loss from being built, or NULL; `text` is room for the words. */
static const char *obstacle(const ce_params *p, const scl_loss_inputs *in, char text[160])
{
    uint64_t given = p->class_weights.count;
    if (in->task != SCL_TASK_MULTICLASS)
        return "it is for the task multiclass; for one object and its background use "
               "bce_with_logits";
    if (in->classes > MAX_CLASSES)
        return "it takes at most 4096 classes";
    if (given == 0 || given == (uint64_t)in->classes)
        return NULL;
    snprintf(text, 160, "`class_weights` must hold a number for each of the %d classes, found %d",
             (int)in->classes, (int)given);
    return text;
}

static scl_tensor *build(scl_builder *b, const void *params, const scl_loss_inputs *in)
{
    const ce_params *p = params;
    const scl_param_floats none = {NULL, 0};
    int64_t classes = in->classes;
    char text[160];
    const char *problem = obstacle(p, in, text);
    if (problem != NULL)
        return b->fail(b, problem);
    scl_tensor *weights = class_row(b, classes, &p->class_weights, SCL_UNSET_INT);
    scl_tensor *counts = b->mul(b, in->weight, class_row(b, classes, &none, p->ignore_index));
    scl_tensor *hit = b->mul(b, b->one_hot(b, in->target, classes, 1), counts);
    scl_tensor *truth = hit; /* [B, classes, H, W], the distribution each pixel should have */
    if (p->label_smoothing > 0) {
        float spread = (float)(p->label_smoothing / (double)classes);
        truth = b->add(b, b->affine(b, hit, (float)(1 - p->label_smoothing), 0),
                       b->affine(b, b->sum(b, hit, 1, 1), spread, 0));
    }
    scl_tensor *log_p = b->mul(b, b->log_softmax(b, in->logits, 1), weights);
    scl_tensor *of_image = b->sum(b, b->mul(b, truth, log_p), 1, 3);
    scl_tensor *of_batch = b->sum(b, b->mul(b, hit, weights), 0, 4);
    scl_tensor *share = b->div(b, of_image, b->maximum(b, of_batch, b->scalar(b, 1e-30f)));
    scl_tensor *images = b->sum(b, b->step(b, b->sum(b, in->weight, 1, 3)), 0, 1);
    return b->affine(b, b->mul(b, share, images), -1, 0);
}

static const scl_loss_interface loss = {.struct_size = sizeof loss, .build = build};

static const scl_plugin plugin = {SCL_PLUGIN_HEAD,
                                  .kind = SCL_PLUGIN_LOSS,
                                  .id = "cross_entropy",
                                  .version = "1.0",
                                  .summary = "cross-entropy over the classes of each pixel",
                                  .licence = "Apache-2.0",
                                  .params_size = sizeof(ce_params),
                                  .params = table,
                                  .param_count = sizeof table / sizeof table[0],
                                  .interface = &loss};

const scl_plugin *scl_plugin_entry_v1(void)
{
    return &plugin;
}
