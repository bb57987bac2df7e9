#include "model/model.h"

#include <math.h>
#include <string.h>

scl_model_config scl_model_config_unset(void)
{
    return (scl_model_config){.given = 1,
                              .type = SCL_UNSET_INDEX,
                              .image_size = SCL_UNSET_INT,
                              .patch_size = SCL_UNSET_INT,
                              .embed_dim = SCL_UNSET_INT,
                              .depth = SCL_UNSET_INT,
                              .num_heads = SCL_UNSET_INT,
                              .window_size = SCL_UNSET_INT,
                              .mlp_ratio = NAN,
                              .prompt_embed_dim = SCL_UNSET_INT,
                              .decoder_depth = SCL_UNSET_INT,
                              .decoder_num_heads = SCL_UNSET_INT,
                              .decoder_mlp_dim = SCL_UNSET_INT,
                              .iou_head_hidden_dim = SCL_UNSET_INT};
}

/* The name of a type that is a preset; NULL when unset or custom. */
static const char *preset_of(const scl_model_config *section)
{
    bool named = section->type != SCL_UNSET_INDEX && section->type != SCL_MODEL_CUSTOM;
    return named ? scl_sam_presets[section->type] : NULL;
}

static void override(int64_t *value, int64_t given)
{
    if (given != SCL_UNSET_INT)
        *value = given;
}

/* Four global blocks, spread as in the presets, unless the section lists them. */
static void choose_global(scl_sam_config *c, const scl_model_config *section, bool custom)
{
    const scl_param_ints *list = &section->global_attn_indexes;
    if (list->items == NULL && !custom)
        return;
    memset(c->global_attn, 0, sizeof c->global_attn);
    for (uint64_t i = 0; i < list->count; i++)
        if (list->items[i] < SCL_SAM_MAX_DEPTH)
            c->global_attn[list->items[i]] = true;
    int64_t every = c->depth >= 4 ? c->depth / 4 : 1;
    for (int64_t i = every - 1; list->items == NULL && i < c->depth && i < SCL_SAM_MAX_DEPTH;
         i += every)
        c->global_attn[i] = true;
}

static void apply_section(scl_sam_config *c, const scl_model_config *section, bool custom)
{
    double ratio = (double)c->mlp_dim / (double)c->embed_dim;
    override(&c->image_size, section->image_size);
    override(&c->patch_size, section->patch_size);
    override(&c->embed_dim, section->embed_dim);
    override(&c->depth, section->depth);
    override(&c->num_heads, section->num_heads);
    override(&c->window_size, section->window_size);
    override(&c->prompt_embed_dim, section->prompt_embed_dim);
    override(&c->decoder_depth, section->decoder_depth);
    override(&c->decoder_num_heads, section->decoder_num_heads);
    override(&c->decoder_mlp_dim, section->decoder_mlp_dim);
    override(&c->iou_head_hidden_dim, section->iou_head_hidden_dim);
    if (!isnan(section->mlp_ratio))
        ratio = section->mlp_ratio;
    c->mlp_dim = (int64_t)((double)c->embed_dim * ratio);
    choose_global(c, section, custom);
}

scl_status scl_model_find_config(const scl_model_config *section, const scl_weights *weights,
                                 int64_t classes, scl_sam_config *c, scl_error *err)
{
    const char *type = preset_of(section);
    bool custom = section->type == SCL_MODEL_CUSTOM && weights == NULL;
    if (weights != NULL) {
        SCL_TRY(scl_sam_config_from_weights(weights, type, c, err));
        if (type != NULL && strcmp(scl_sam_type(c), type) != 0)
            return scl_fail(err, SCL_BAD_CONFIG,
                            "model.type is %s, but %s holds a %s (embed_dim %lld, depth %lld)",
                            type, weights->path, scl_sam_type(c), (long long)c->embed_dim,
                            (long long)c->depth);
    } else if (type == NULL && !custom) {
        return scl_fail(err, SCL_BAD_CONFIG,
                        "model needs a type (vit_b, vit_l, vit_h, vit_nano, custom) or a "
                        "checkpoint to read it from");
    } else {
        scl_sam_preset(custom ? "vit_b" : type, c);
    }
    apply_section(c, section, custom);
    if (classes > 0)
        c->classes = classes;
    return scl_sam_config_check(c, err);
}

scl_status scl_model_training_config(const scl_sam_config *config, const scl_run_config *run,
                                     scl_sam_config *out, scl_error *err)
{
    int64_t size = run->train.image_size, patch = config->patch_size;
    *out = size != SCL_UNSET_INT ? scl_sam_config_at(config, size) : *config;
    if (out->image_size % patch == 0)
        return SCL_OK;
    scl_fail(err, SCL_BAD_CONFIG,
             "train.image_size %lld must be a multiple of the patch size %lld; %lld is the nearest "
             "above",
             (long long)size, (long long)patch, (long long)((size + patch - 1) / patch * patch));
    return scl_run_config_blame(run, "train.image_size", err);
}

static scl_status hash_base(scl_model *model, scl_graph *base, scl_error *err)
{
    scl_param_list all;
    SCL_TRY(scl_checkpoint_params(base, false, &all, err));
    SCL_TRY(scl_store_hash(model->store, all.items, all.count, &model->base_hash, err));
    char *dims = scl_sam_config_to_json(&model->config);
    if (dims == NULL)
        return scl_out_of_memory(err, 1024, "a model");
    model->base_hash = scl_hash128_join(model->base_hash, scl_hash128_of(dims, strlen(dims)));
    scl_free(dims);
    return SCL_OK;
}

static scl_status fill_initial(scl_model *model, const scl_graph *catalog, scl_error *err)
{
    for (size_t i = 0; i < catalog->tensor_count; i++) {
        scl_store_entry *entry = NULL;
        if (catalog->tensors[i]->kind == SCL_TENSOR_PARAM)
            SCL_TRY(scl_store_get(model->store, catalog->tensors[i], &entry, err));
    }
    return SCL_OK;
}

/* Zeros need no making. */
static void forget_values(scl_graph *catalog)
{
    for (size_t i = 0; i < catalog->tensor_count; i++)
        catalog->tensors[i]->init = (scl_init){.kind = SCL_INIT_ZEROS};
}

static scl_status make_without_values(scl_model *model, scl_graph *base, const scl_weights *weights,
                                      scl_error *err)
{
    if (weights != NULL)
        SCL_TRY(scl_checkpoint_load_base(weights, base, model->catalog, &model->config, NULL, err));
    forget_values(base);
    forget_values(model->catalog);
    SCL_TRY(fill_initial(model, base, err));
    return fill_initial(model, model->catalog, err);
}

static scl_status load_or_init(scl_model *model, const scl_model_source *source, scl_graph *base,
                               const scl_weights *weights, scl_error *err)
{
    SCL_TRY(scl_store_create(model->device, source->seed, &model->store, err));
    model->from_checkpoint = weights != NULL;
    if (source->without_values)
        return make_without_values(model, base, weights, err);
    if (weights != NULL)
        SCL_TRY(scl_checkpoint_load_base(weights, base, model->catalog, &model->config,
                                         model->store, err));
    SCL_TRY(fill_initial(model, base, err));
    SCL_TRY(hash_base(model, base, err));
    return fill_initial(model, model->catalog, err);
}

static scl_status open_with(scl_model *model, const scl_model_source *source,
                            const scl_weights *weights, scl_error *err)
{
    SCL_TRY(scl_model_find_config(source->section, weights, source->classes, &model->config, err));
    model->catalog = scl_sam_catalog(&model->config, source->adaptation, err);
    scl_graph *base = model->catalog != NULL ? scl_sam_catalog(&model->config, NULL, err) : NULL;
    scl_status status =
        base != NULL ? load_or_init(model, source, base, weights, err) : err->status;
    scl_graph_free(base);
    return status;
}

scl_status scl_model_open(scl_device *device, const scl_model_source *source, scl_model **out,
                          scl_error *err)
{
    scl_weights loaded = {0};
    const scl_weights *weights = source->weights;
    scl_model *model = scl_calloc(1, sizeof *model);
    *out = NULL;
    if (model == NULL)
        return scl_out_of_memory(err, sizeof *model, "a model");
    model->device = device;
    scl_status status = SCL_OK;
    if (weights == NULL && source->section->checkpoint != NULL) {
        status = scl_weights_load(source->section->checkpoint, &loaded, err);
        weights = &loaded;
    }
    if (status == SCL_OK)
        status = open_with(model, source, weights, err);
    scl_weights_free(&loaded);
    if (status == SCL_OK)
        *out = model;
    else
        scl_model_free(model);
    return status;
}

void scl_model_free(scl_model *model)
{
    if (model == NULL)
        return;
    scl_store_free(model->store);
    scl_graph_free(model->catalog);
    scl_free(model);
}
