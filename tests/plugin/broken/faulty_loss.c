/* A loss whose build goes wrong in the way its parameter asks for. */
#include <samcl/plugin.h>

typedef struct params {
    int32_t how;
} params;

static const char *const faults[] = {
    "nothing",     "null",        "wrong_shape", "int_values",  "bad_mul",   "own_words",
    "no_words",    "makes_param", "keeps_old",   "bad_reshape", "bad_axis",  "no_dims",
    "int_softmax", "bad_concat",  "bad_slice",   "bad_sum",     "bad_dim",   "big_hot",
    "no_values",   "minus_shape", "bad_clamp",   "int_linear",  "adds_loss", "big_top",
    "bad_matmul",  NULL};

static const scl_param table[] = {
    {"how", SCL_PARAM_CHOICE, offsetof(params, how), "nothing", 0, 0, faults, "what goes wrong"},
};

static scl_tensor *kept;

static scl_tensor *fault(scl_builder *b, int how, const scl_loss_inputs *in)
{
    const int64_t four[] = {4}, minus[] = {-1, -2}, huge[] = {1 << 30, 1 << 30, 1 << 30};
    scl_tensor *none[] = {in->logits, NULL};
    switch (how) {
    case 1:
        return NULL;
    case 2:
        return in->logits;
    case 3:
        return in->target; /* int32 for multiclass */
    case 4:
        return b->mul(b, in->logits, b->constant(b, (const float[4]){0}, 1, four));
    case 5:
        return b->fail(b, "write another loss");
    case 6:
        return b->fail(b, NULL);
    case 7:
        return b->param(b, "scale", 1, four, (scl_init){SCL_INIT_ONES, 0});
    case 8:
        return kept != NULL ? kept : (kept = b->mean(b, in->logits, 1, 3));
    case 9:
        return b->reshape(b, in->logits, 9, four);
    case 10:
        return b->softmax(b, in->logits, 4);
    case 11:
        return b->reshape(b, in->logits, 1, NULL);
    case 12:
        return b->softmax(b, in->target, 1);
    case 13:
        return b->concat(b, none, 0, 0);
    case 14:
        return b->slice(b, in->logits, 1, INT64_MAX, INT64_MAX);
    case 15:
        return b->sum(b, in->logits, 1, INT32_MAX);
    case 16:
        return b->dim(b, in->logits, -5) == 0 ? NULL : in->logits;
    case 17:
        return b->one_hot(b, in->target, INT64_MAX, 1);
    case 18:
        return b->constant(b, NULL, 1, four);
    case 19:
        return b->reshape(b, in->logits, 2, minus) != NULL ? in->logits
                                                           : b->reshape(b, in->logits, 3, huge);
    case 20:
        return b->clamp(b, in->logits, 2, 1);
    case 22:
        b->add_loss(b, "more", b->scalar(b, 1));
        return b->mean(b, in->logits, 1, 3);
    case 23:
        return b->top_k(b, in->logits, 6, none);
    case 24:
        return b->matmul(b, b->reshape(b, in->logits, 2, (const int64_t[]){6, 35}), b->scalar(b, 1),
                         0, 1);
    default:
        return b->linear(b, in->target, in->logits, 1);
    }
}

static scl_tensor *build(scl_builder *b, const void *values, const scl_loss_inputs *in)
{
    const params *p = values;
    return p->how == 0 ? b->weighted_mean(b, in->logits, in->weight, 1, 3) : fault(b, p->how, in);
}

static const scl_loss_interface loss = {.struct_size = sizeof loss, .build = build};

static const scl_plugin plugin = {SCL_PLUGIN_HEAD,
                                  .kind = SCL_PLUGIN_LOSS,
                                  .id = "faulty_loss",
                                  .version = "1.0",
                                  .summary = "goes wrong on request",
                                  .licence = "Apache-2.0",
                                  .params_size = sizeof(params),
                                  .params = table,
                                  .param_count = 1,
                                  .interface = &loss};

const scl_plugin *scl_plugin_entry_v1(void)
{
    return &plugin;
}
