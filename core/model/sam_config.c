#include "model/sam_config.h"

#include "base/str.h"

#include <string.h>

const char *const scl_sam_presets[] = {"vit_b", "vit_l", "vit_h", "vit_nano", NULL};

scl_status scl_sam_find_preset(const char *type, int32_t *index, scl_error *err)
{
    const char *const *all = scl_sam_presets;
    size_t count = 0;
    for (; all[count] != NULL; count++)
        if (strcmp(all[count], type) == 0) {
            *index = (int32_t)count;
            return SCL_OK;
        }
    const char *near = scl_nearest_name(type, all, count);
    return scl_fail(err, SCL_BAD_CONFIG, "expected %s, %s, %s or %s, found %s%s%s%s", all[0],
                    all[1], all[2], all[3], type, near != NULL ? "; did you mean " : "",
                    near != NULL ? near : "", near != NULL ? "?" : "");
}

typedef struct preset {
    const char *type;
    scl_sam_config config;
} preset;

#define DECODER                                                                                    \
    .prompt_embed_dim = 256, .decoder_depth = 2, .decoder_num_heads = 8, .decoder_mlp_dim = 2048,  \
    .iou_head_hidden_dim = 256

static const preset presets[] = {
    {"vit_b",
     {.image_size = 1024,
      .patch_size = 16,
      .embed_dim = 768,
      .depth = 12,
      .num_heads = 12,
      .mlp_dim = 3072,
      .window_size = 14,
      .global_attn = {[2] = true, [5] = true, [8] = true, [11] = true},
      DECODER}},
    {"vit_l",
     {.image_size = 1024,
      .patch_size = 16,
      .embed_dim = 1024,
      .depth = 24,
      .num_heads = 16,
      .mlp_dim = 4096,
      .window_size = 14,
      .global_attn = {[5] = true, [11] = true, [17] = true, [23] = true},
      DECODER}},
    {"vit_h",
     {.image_size = 1024,
      .patch_size = 16,
      .embed_dim = 1280,
      .depth = 32,
      .num_heads = 16,
      .mlp_dim = 5120,
      .window_size = 14,
      .global_attn = {[7] = true, [15] = true, [23] = true, [31] = true},
      DECODER}},
    /* small enough to train from scratch on two cores: a fine patch, a thin decoder */
    {"vit_nano",
     {.image_size = 256,
      .patch_size = 8,
      .embed_dim = 128,
      .depth = 6,
      .num_heads = 4,
      .mlp_dim = 512,
      .window_size = 8,
      .global_attn = {[2] = true, [5] = true},
      .prompt_embed_dim = 64,
      .decoder_depth = 2,
      .decoder_num_heads = 4,
      .decoder_mlp_dim = 256,
      .iou_head_hidden_dim = 64}},
};

bool scl_sam_preset(const char *type, scl_sam_config *config)
{
    for (size_t i = 0; i < sizeof presets / sizeof *presets; i++)
        if (strcmp(presets[i].type, type) == 0) {
            *config = presets[i].config;
            return true;
        }
    return false;
}

const char *scl_sam_type(const scl_sam_config *c)
{
    for (size_t i = 0; i < sizeof presets / sizeof *presets; i++) {
        const scl_sam_config *p = &presets[i].config;
        if (p->embed_dim == c->embed_dim && p->depth == c->depth && p->num_heads == c->num_heads &&
            p->patch_size == c->patch_size && p->prompt_embed_dim == c->prompt_embed_dim)
            return presets[i].type;
    }
    return "custom";
}

typedef struct dimension {
    const char *name;
    int64_t value, low, high;
} dimension;

scl_status scl_sam_config_check(const scl_sam_config *c, scl_error *err)
{
    const dimension dims[] = {
        {"patch_size", c->patch_size, 1, 256},
        {"image_size", c->image_size, 1, 8192},
        {"embed_dim", c->embed_dim, 1, 16384},
        {"depth", c->depth, 1, SCL_SAM_MAX_DEPTH},
        {"num_heads", c->num_heads, 1, 256},
        {"mlp_dim", c->mlp_dim, 1, 65536},
        {"window_size", c->window_size, 1, 512},
        {"prompt_embed_dim", c->prompt_embed_dim, 8, 4096},
        {"decoder_depth", c->decoder_depth, 1, 32},
        {"decoder_num_heads", c->decoder_num_heads, 1, 256},
        {"decoder_mlp_dim", c->decoder_mlp_dim, 1, 65536},
        {"iou_head_hidden_dim", c->iou_head_hidden_dim, 1, 65536},
        {"classes", c->classes, 0, 4096},
    };
    for (size_t i = 0; i < sizeof dims / sizeof *dims; i++)
        if (dims[i].value < dims[i].low || dims[i].value > dims[i].high)
            return scl_fail(err, SCL_BAD_CONFIG, "model.%s must be %lld to %lld, found %lld",
                            dims[i].name, (long long)dims[i].low, (long long)dims[i].high,
                            (long long)dims[i].value);
    if (c->image_size % c->patch_size != 0)
        return scl_fail(err, SCL_BAD_CONFIG,
                        "model.image_size %lld must be a multiple of the patch size %lld; %lld is "
                        "the nearest below",
                        (long long)c->image_size, (long long)c->patch_size,
                        (long long)(c->image_size / c->patch_size * c->patch_size));
    if (c->embed_dim % c->num_heads != 0)
        return scl_fail(err, SCL_BAD_CONFIG,
                        "model.embed_dim %lld must be a multiple of num_heads %lld",
                        (long long)c->embed_dim, (long long)c->num_heads);
    /* the cross attentions work at half the width */
    if (c->prompt_embed_dim % 8 != 0 || c->prompt_embed_dim / 2 % c->decoder_num_heads != 0)
        return scl_fail(err, SCL_BAD_CONFIG,
                        "model.prompt_embed_dim %lld must be a multiple of 8 and of twice "
                        "decoder_num_heads %lld",
                        (long long)c->prompt_embed_dim, (long long)c->decoder_num_heads);
    return SCL_OK;
}
