#include "model/checkpoint_config.h"

#include "base/str.h"
#include "io/json.h"
#include "model/checkpoint_names.h"

#include <math.h>
#include <string.h>

bool scl_weights_are_hf(const scl_weights *weights)
{
    for (size_t i = 0; i < weights->count; i++)
        if (scl_starts_with(weights->tensor[i].name, "vision_encoder."))
            return true;
    return false;
}

/* ---- our own JSON */

typedef struct number_field {
    const char *key;
    size_t offset;
} number_field;

#define FIELD(name)                                                                                \
    {                                                                                              \
#name, offsetof(scl_sam_config, name)                                                      \
    }
static const number_field fields[] = {
    FIELD(image_size),      FIELD(patch_size),
    FIELD(embed_dim),       FIELD(depth),
    FIELD(num_heads),       FIELD(mlp_dim),
    FIELD(window_size),     FIELD(prompt_embed_dim),
    FIELD(decoder_depth),   FIELD(decoder_num_heads),
    FIELD(decoder_mlp_dim), FIELD(iou_head_hidden_dim),
    FIELD(classes),
};

static int64_t *field_of(scl_sam_config *config, size_t offset)
{
    return (int64_t *)(void *)((char *)config + offset);
}

static cJSON *global_indexes(const scl_sam_config *config)
{
    cJSON *list = cJSON_CreateArray();
    for (int64_t i = 0; i < config->depth && list != NULL; i++)
        if (config->global_attn[i])
            cJSON_AddItemToArray(list, cJSON_CreateNumber((double)i));
    return list;
}

/* cJSON's text is malloc'd; ours is freed with scl_free. */
static char *print_and_delete(cJSON *root)
{
    char *text = root != NULL ? cJSON_PrintUnformatted(root) : NULL;
    char *copy = text != NULL ? scl_strdup(text) : NULL;
    cJSON_free(text);
    cJSON_Delete(root);
    return copy;
}

char *scl_sam_config_to_json(const scl_sam_config *config)
{
    cJSON *root = cJSON_CreateObject();
    scl_sam_config copy = *config;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        cJSON_AddNumberToObject(root, fields[i].key, (double)*field_of(&copy, fields[i].offset));
    cJSON_AddItemToObject(root, "global_attn_indexes", global_indexes(config));
    cJSON_AddStringToObject(root, "flavour", config->flavour == SCL_SAM_HF ? "hf" : "meta");
    return print_and_delete(root);
}

static scl_status read_global(const cJSON *list, const char *where, scl_sam_config *config,
                              scl_error *err)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, list)
    {
        int64_t index = -1;
        if (!scl_json_is_integer(item, &index) || index < 0 || index >= SCL_SAM_MAX_DEPTH)
            return scl_fail(err, SCL_BAD_DATA,
                            "%s: global_attn_indexes must hold block numbers from 0 to %d", where,
                            SCL_SAM_MAX_DEPTH - 1);
        config->global_attn[index] = true;
    }
    return SCL_OK;
}

static scl_status parse_own(const cJSON *root, const char *where, scl_sam_config *config,
                            scl_error *err)
{
    const cJSON *list = NULL;
    const char *flavour = NULL;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        SCL_TRY(
            scl_json_integer(root, fields[i].key, where, field_of(config, fields[i].offset), err));
    SCL_TRY(scl_json_array(root, "global_attn_indexes", where, &list, err));
    SCL_TRY(scl_json_string(root, "flavour", where, &flavour, err));
    config->flavour = strcmp(flavour, "hf") == 0 ? SCL_SAM_HF : SCL_SAM_META;
    return read_global(list, where, config, err);
}

/* Dimensions of a file that can't be are the file's fault. */
static scl_status check_from_file(const scl_sam_config *config, const char *where, scl_error *err)
{
    scl_error found = {0};
    if (scl_sam_config_check(config, &found) == SCL_OK)
        return SCL_OK;
    return scl_fail(err, SCL_BAD_DATA, "%s: %s", where, found.text);
}

scl_status scl_sam_config_from_json(const char *json, const char *where, scl_sam_config *config,
                                    scl_error *err)
{
    cJSON *root = NULL;
    *config = (scl_sam_config){0};
    SCL_TRY(scl_json_parse(json, strlen(json), where, &root, err));
    scl_status status = parse_own(root, where, config, err);
    cJSON_Delete(root);
    return status == SCL_OK ? check_from_file(config, where, err) : status;
}

/* ---- Hugging Face's config.json */

/* A member that defaults to what SamConfig of transformers has (the ViT-B's). */
static scl_status hf_integer(const cJSON *object, const char *key, const char *where,
                             int64_t fallback, int64_t *value, scl_error *err)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    *value = fallback;
    return item == NULL || cJSON_IsNull(item) ? SCL_OK
                                              : scl_json_integer(object, key, where, value, err);
}

static scl_status hf_must_be(const cJSON *object, const char *key, const char *where,
                             const char *wanted, scl_error *err)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    bool good = item == NULL || cJSON_IsNull(item) || cJSON_IsTrue(item) ||
                (cJSON_IsString(item) && strcmp(item->valuestring, wanted) == 0);
    return good ? SCL_OK
                : scl_fail(err, SCL_BAD_DATA, "%s: %s must be %s; this variant of SAM is not known",
                           where, key, wanted);
}

static scl_status hf_vision(const cJSON *v, const char *where, scl_sam_config *c, scl_error *err)
{
    double ratio = 4;
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(v, "global_attn_indexes");
    const cJSON *given = cJSON_GetObjectItemCaseSensitive(v, "mlp_ratio");
    if (cJSON_IsNumber(given))
        ratio = given->valuedouble;
    SCL_TRY(hf_integer(v, "image_size", where, 1024, &c->image_size, err));
    SCL_TRY(hf_integer(v, "patch_size", where, 16, &c->patch_size, err));
    SCL_TRY(hf_integer(v, "hidden_size", where, 768, &c->embed_dim, err));
    SCL_TRY(hf_integer(v, "num_hidden_layers", where, 12, &c->depth, err));
    SCL_TRY(hf_integer(v, "num_attention_heads", where, 12, &c->num_heads, err));
    SCL_TRY(hf_integer(v, "window_size", where, 14, &c->window_size, err));
    SCL_TRY(hf_integer(v, "output_channels", where, 256, &c->prompt_embed_dim, err));
    int64_t by_ratio = ratio > 0 && ratio < 64 ? (int64_t)((double)c->embed_dim * ratio) : 0;
    SCL_TRY(hf_integer(v, "mlp_dim", where, by_ratio, &c->mlp_dim, err));
    SCL_TRY(hf_must_be(v, "hidden_act", where, "gelu", err));
    SCL_TRY(hf_must_be(v, "use_rel_pos", where, "true", err));
    SCL_TRY(hf_must_be(v, "use_abs_pos", where, "true", err));
    SCL_TRY(hf_must_be(v, "qkv_bias", where, "true", err));
    if (list == NULL) {
        c->global_attn[2] = c->global_attn[5] = c->global_attn[8] = c->global_attn[11] = true;
        return SCL_OK;
    }
    return read_global(list, where, c, err);
}

static scl_status hf_decoder(const cJSON *d, const char *where, scl_sam_config *c, scl_error *err)
{
    int64_t downsample = 2, outputs = 3, head_depth = 3;
    SCL_TRY(hf_integer(d, "num_hidden_layers", where, 2, &c->decoder_depth, err));
    SCL_TRY(hf_integer(d, "num_attention_heads", where, 8, &c->decoder_num_heads, err));
    SCL_TRY(hf_integer(d, "mlp_dim", where, 2048, &c->decoder_mlp_dim, err));
    SCL_TRY(hf_integer(d, "iou_head_hidden_dim", where, 256, &c->iou_head_hidden_dim, err));
    SCL_TRY(hf_integer(d, "attention_downsample_rate", where, 2, &downsample, err));
    SCL_TRY(hf_integer(d, "num_multimask_outputs", where, 3, &outputs, err));
    SCL_TRY(hf_integer(d, "iou_head_depth", where, 3, &head_depth, err));
    SCL_TRY(hf_must_be(d, "hidden_act", where, "relu", err));
    const cJSON *eps = cJSON_GetObjectItemCaseSensitive(d, "layer_norm_eps");
    if (cJSON_IsNumber(eps) && eps->valuedouble == 1e-5)
        c->flavour = SCL_SAM_META; /* its weights came from segment-anything's code */
    if (downsample != 2 || outputs != 3 || head_depth != 3)
        return scl_fail(err, SCL_BAD_DATA,
                        "%s: attention_downsample_rate must be 2, num_multimask_outputs 3 and "
                        "iou_head_depth 3; this variant of SAM is not known",
                        where);
    return SCL_OK;
}

static scl_status parse_hf(const cJSON *root, const char *path, scl_sam_config *c, scl_error *err)
{
    scl_str where = {0};
    scl_str_add(&where, "%s/config.json", path);
    const cJSON *vision = cJSON_GetObjectItemCaseSensitive(root, "vision_config");
    const cJSON *decoder = cJSON_GetObjectItemCaseSensitive(root, "mask_decoder_config");
    *c = (scl_sam_config){.flavour = SCL_SAM_HF};
    scl_status status = SCL_OK;
    if (!cJSON_IsObject(vision))
        status = scl_fail(err, SCL_BAD_DATA, "%s: has no vision_config; is it a SAM?",
                          scl_str_text(&where));
    if (status == SCL_OK)
        status = hf_vision(vision, scl_str_text(&where), c, err);
    if (status == SCL_OK)
        status = hf_decoder(decoder, scl_str_text(&where), c, err);
    scl_str_free(&where);
    return status;
}

/* transformers 5 refuses 4 where it wants 4.0, which cJSON does not write. */
static void add_real(cJSON *object, const char *key, double value)
{
    char text[40];
    snprintf(text, sizeof text, value == floor(value) ? "%.1f" : "%.17g", value);
    cJSON_AddRawToObject(object, key, text);
}

char *scl_sam_config_to_hf(const scl_sam_config *c)
{
    cJSON *root = cJSON_CreateObject();
    cJSON *vision = cJSON_AddObjectToObject(root, "vision_config");
    cJSON *prompt = cJSON_AddObjectToObject(root, "prompt_encoder_config");
    cJSON *decoder = cJSON_AddObjectToObject(root, "mask_decoder_config");
    cJSON *names = cJSON_AddArrayToObject(root, "architectures");
    cJSON_AddItemToArray(names, cJSON_CreateString("SamModel"));
    cJSON_AddStringToObject(root, "model_type", "sam");
    const struct {
        cJSON *object;
        const char *key;
        int64_t value;
    } numbers[] = {
        {vision, "image_size", c->image_size},
        {vision, "patch_size", c->patch_size},
        {vision, "hidden_size", c->embed_dim},
        {vision, "num_hidden_layers", c->depth},
        {vision, "num_attention_heads", c->num_heads},
        {vision, "window_size", c->window_size},
        {vision, "mlp_dim", c->mlp_dim},
        {vision, "output_channels", c->prompt_embed_dim},
        {vision, "num_pos_feats", c->prompt_embed_dim / 2},
        {prompt, "hidden_size", c->prompt_embed_dim},
        {prompt, "image_size", c->image_size},
        {prompt, "patch_size", c->patch_size},
        {decoder, "hidden_size", c->prompt_embed_dim},
        {decoder, "num_hidden_layers", c->decoder_depth},
        {decoder, "num_attention_heads", c->decoder_num_heads},
        {decoder, "mlp_dim", c->decoder_mlp_dim},
        {decoder, "iou_head_hidden_dim", c->iou_head_hidden_dim},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        cJSON_AddNumberToObject(numbers[i].object, numbers[i].key, (double)numbers[i].value);
    /* of the decoder's norms but the last; transformers' own default is 1e-6 */
    cJSON_AddNumberToObject(decoder, "layer_norm_eps", c->flavour == SCL_SAM_META ? 1e-5 : 1e-6);
    add_real(vision, "mlp_ratio", (double)c->mlp_dim / (double)c->embed_dim);
    cJSON_AddItemToObject(vision, "global_attn_indexes", global_indexes(c));
    return print_and_delete(root);
}

/* ---- shapes */

static const scl_weight *find_meta(const scl_weights *weights, bool hf, const char *name)
{
    char other[SCL_NAME_MAX];
    if (!hf)
        return scl_weights_find(weights, name);
    scl_name_to_hf(name, other);
    return scl_weights_find(weights, other);
}

static int64_t dim_of(const scl_weights *weights, bool hf, const char *name, int axis)
{
    const scl_weight *w = find_meta(weights, hf, name);
    return w != NULL && axis < w->ndim ? w->dim[axis] : 0;
}

static int64_t count_blocks(const scl_weights *weights, bool hf, const char *format)
{
    char name[SCL_NAME_MAX];
    int64_t n = 0;
    do
        snprintf(name, sizeof name, format, (int)n++);
    while (n <= SCL_SAM_MAX_DEPTH && find_meta(weights, hf, name) != NULL);
    return n - 1;
}

/* A block whose table has as many rows as the whole grid needs is global. */
static void infer_windows(const scl_weights *weights, bool hf, int64_t grid, scl_sam_config *c)
{
    char name[SCL_NAME_MAX];
    c->window_size = grid;
    for (int64_t i = 0; i < c->depth; i++) {
        snprintf(name, sizeof name, "image_encoder.blocks.%d.attn.rel_pos_h", (int)i);
        int64_t side = (dim_of(weights, hf, name, 0) + 1) / 2;
        c->global_attn[i] = side == grid;
        if (side != grid)
            c->window_size = side;
    }
}

static void infer_from_shapes(const scl_weights *weights, bool hf, scl_sam_config *c)
{
    const char *block = "image_encoder.blocks.0.";
    char name[SCL_NAME_MAX];
    int64_t grid = dim_of(weights, hf, "image_encoder.pos_embed", 1);
    c->embed_dim = dim_of(weights, hf, "image_encoder.patch_embed.proj.weight", 0);
    c->patch_size = dim_of(weights, hf, "image_encoder.patch_embed.proj.weight", 2);
    c->image_size = grid * c->patch_size;
    c->depth = count_blocks(weights, hf, "image_encoder.blocks.%d.norm1.weight");
    snprintf(name, sizeof name, "%sattn.rel_pos_h", block);
    int64_t head_dim = dim_of(weights, hf, name, 1);
    c->num_heads = head_dim > 0 ? c->embed_dim / head_dim : 0;
    snprintf(name, sizeof name, "%smlp.lin1.weight", block);
    c->mlp_dim = dim_of(weights, hf, name, 0);
    c->prompt_embed_dim = dim_of(weights, hf, "image_encoder.neck.0.weight", 0);
    c->decoder_depth = count_blocks(weights, hf, "mask_decoder.transformer.layers.%d.norm1.weight");
    c->decoder_mlp_dim =
        dim_of(weights, hf, "mask_decoder.transformer.layers.0.mlp.lin1.weight", 0);
    c->iou_head_hidden_dim =
        dim_of(weights, hf, "mask_decoder.iou_prediction_head.layers.0.weight", 0);
    infer_windows(weights, hf, grid, c);
}

static scl_status from_shapes(const scl_weights *weights, const char *type, scl_sam_config *config,
                              scl_error *err)
{
    bool hf = scl_weights_are_hf(weights);
    scl_sam_config preset;
    *config = (scl_sam_config){.decoder_num_heads = 8, .flavour = hf ? SCL_SAM_HF : SCL_SAM_META};
    if (find_meta(weights, hf, "image_encoder.patch_embed.proj.weight") == NULL ||
        find_meta(weights, hf, "image_encoder.blocks.0.attn.qkv.weight") == NULL)
        return scl_fail(err, SCL_BAD_DATA,
                        "%s: expected the weights of a ViT SAM (image_encoder.blocks.0.attn.qkv…), "
                        "found %zu tensors such as \"%s\"",
                        weights->path, weights->count,
                        weights->count > 0 ? weights->tensor[0].name : "none");
    infer_from_shapes(weights, hf, config);
    const char *known = type != NULL ? type : scl_sam_type(config);
    if (scl_sam_preset(known, &preset))
        config->decoder_num_heads = preset.decoder_num_heads;
    return SCL_OK;
}

scl_status scl_sam_config_from_weights(const scl_weights *weights, const char *type,
                                       scl_sam_config *config, scl_error *err)
{
    const char *own = scl_weights_metadata(weights, SCL_CONFIG_KEY);
    if (own != NULL)
        return scl_sam_config_from_json(own, weights->path, config, err);
    if (weights->format == SCL_WEIGHTS_PEFT_FOLDER)
        return scl_fail(err, SCL_BAD_DATA, "%s: expected a model, found an adapter of peft",
                        weights->path);
    if (weights->config != NULL)
        SCL_TRY(parse_hf(weights->config, weights->path, config, err));
    else
        SCL_TRY(from_shapes(weights, type, config, err));
    return check_from_file(config, weights->path, err);
}
