#include "model/checkpoint_names.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

const char *const scl_hf_tied_name = "prompt_encoder.shared_embedding.positional_embedding";

/* Beginnings of names; # stands for a number that is the same on both sides. The first match
 * counts, so longer beginnings come first. */
typedef struct rename_rule {
    const char *meta, *hf;
} rename_rule;

#define MLP "mask_decoder.output_hypernetworks_mlps.#."
#define IOU "mask_decoder.iou_prediction_head."

static const rename_rule rules[] = {
    {"image_encoder.patch_embed.proj.", "vision_encoder.patch_embed.projection."},
    {"image_encoder.blocks.#.norm#.", "vision_encoder.layers.#.layer_norm#."},
    {"image_encoder.blocks.", "vision_encoder.layers."},
    {"image_encoder.neck.0.", "vision_encoder.neck.conv1."},
    {"image_encoder.neck.1.", "vision_encoder.neck.layer_norm1."},
    {"image_encoder.neck.2.", "vision_encoder.neck.conv2."},
    {"image_encoder.neck.3.", "vision_encoder.neck.layer_norm2."},
    {"image_encoder.", "vision_encoder."},
    {"prompt_encoder.pe_layer.positional_encoding_gaussian_matrix",
     "shared_image_embedding.positional_embedding"},
    {"prompt_encoder.point_embeddings.", "prompt_encoder.point_embed."},
    {"prompt_encoder.mask_downscaling.0.", "prompt_encoder.mask_embed.conv1."},
    {"prompt_encoder.mask_downscaling.1.", "prompt_encoder.mask_embed.layer_norm1."},
    {"prompt_encoder.mask_downscaling.3.", "prompt_encoder.mask_embed.conv2."},
    {"prompt_encoder.mask_downscaling.4.", "prompt_encoder.mask_embed.layer_norm2."},
    {"prompt_encoder.mask_downscaling.6.", "prompt_encoder.mask_embed.conv3."},
    {"mask_decoder.transformer.layers.#.norm#.", "mask_decoder.transformer.layers.#.layer_norm#."},
    {"mask_decoder.transformer.norm_final_attn.",
     "mask_decoder.transformer.layer_norm_final_attn."},
    {"mask_decoder.output_upscaling.0.", "mask_decoder.upscale_conv1."},
    {"mask_decoder.output_upscaling.1.", "mask_decoder.upscale_layer_norm."},
    {"mask_decoder.output_upscaling.3.", "mask_decoder.upscale_conv2."},
    /* "layers.0" is the first layer in Meta's files and the middle one in Hugging Face's */
    {MLP "layers.0.", MLP "proj_in."},
    {MLP "layers.1.", MLP "layers.0."},
    {MLP "layers.2.", MLP "proj_out."},
    {IOU "layers.0.", IOU "proj_in."},
    {IOU "layers.1.", IOU "layers.0."},
    {IOU "layers.2.", IOU "proj_out."},
};

#define MAX_NUMBERS 4

typedef struct number {
    const char *text;
    int length;
} number;

/* Length of the beginning of `name` that the pattern matches, with its numbers; 0: no match. */
static size_t match(const char *pattern, const char *name, number numbers[MAX_NUMBERS])
{
    const char *start = name;
    for (int count = 0; *pattern != '\0'; pattern++) {
        if (*pattern != '#') {
            if (*pattern != *name++)
                return 0;
            continue;
        }
        numbers[count].text = name;
        while (isdigit((unsigned char)*name))
            name++;
        numbers[count].length = (int)(name - numbers[count].text);
        if (numbers[count++].length == 0)
            return 0;
    }
    return (size_t)(name - start);
}

static void apply(const char *pattern, const number *numbers, const char *rest, char *out)
{
    size_t used = 0;
    for (; *pattern != '\0' && used < SCL_NAME_MAX - 1; pattern++) {
        if (*pattern != '#') {
            out[used++] = *pattern;
            continue;
        }
        int wrote =
            snprintf(out + used, SCL_NAME_MAX - used, "%.*s", numbers->length, numbers->text);
        used += (size_t)wrote;
        numbers++;
    }
    if (used > SCL_NAME_MAX - 1)
        used = SCL_NAME_MAX - 1;
    snprintf(out + used, SCL_NAME_MAX - used, "%s", rest);
}

static void rename_by(const char *name, bool to_hf, char *out)
{
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        number numbers[MAX_NUMBERS];
        size_t length = match(to_hf ? rules[i].meta : rules[i].hf, name, numbers);
        if (length > 0) {
            apply(to_hf ? rules[i].hf : rules[i].meta, numbers, name + length, out);
            return;
        }
    }
    snprintf(out, SCL_NAME_MAX, "%s", name);
}

void scl_name_to_hf(const char *meta, char *out)
{
    rename_by(meta, true, out);
}

void scl_name_to_meta(const char *hf, char *out)
{
    rename_by(hf, false, out);
}
