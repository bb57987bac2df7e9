#include "tuned/tuned_file.h"

#include "base/file.h"
#include "base/log.h"
#include "base/str.h"

#include <string.h>

#define BASE_HASH_KEY     "samcl.base_hash"
#define CONTAINS_BASE_KEY "samcl.contains_base"
#define STATE_KEY         "samcl.state"
#define OPTIMIZER_PREFIX  "optimizer."

/* ---- saving */

static bool is_optimizer_state(const scl_store_entry *entry)
{
    return entry->kind == SCL_TENSOR_STATE && scl_starts_with(entry->name, OPTIMIZER_PREFIX);
}

static bool contains_base(const scl_model *model)
{
    if (!model->from_checkpoint)
        return true;
    for (size_t i = 0; i < model->catalog->tensor_count; i++) {
        const scl_tensor *tensor = model->catalog->tensors[i];
        if (tensor->kind == SCL_TENSOR_PARAM && !tensor->trained)
            return false;
    }
    return true;
}

/* The entries to write: parameters in the catalog's order, then the optimizer's. */
static scl_status choose_entries(const scl_model *model, scl_tuned_content content,
                                 const scl_store_entry **entries, size_t *count, scl_error *err)
{
    bool whole = contains_base(model);
    *count = 0;
    for (size_t i = 0; i < model->catalog->tensor_count; i++) {
        const scl_tensor *tensor = model->catalog->tensors[i];
        if (tensor->kind != SCL_TENSOR_PARAM || !(whole || tensor->trained))
            continue;
        const scl_store_entry *entry = scl_store_find(model->store, tensor->name);
        if (entry == NULL)
            return scl_fail(err, SCL_FAILED, "\"%s\" has no values to save", tensor->name);
        entries[(*count)++] = entry;
    }
    for (size_t i = 0; i < model->store->count && content == SCL_TUNED_WEIGHTS_AND_OPTIMIZER; i++)
        if (is_optimizer_state(&model->store->entries[i]))
            entries[(*count)++] = &model->store->entries[i];
    return SCL_OK;
}

static scl_status save_with(const char *path, const scl_model *model,
                            const scl_weights_pair *metadata, size_t pairs,
                            scl_tuned_content content, scl_error *err)
{
    size_t room = model->store->count + model->catalog->tensor_count, count = 0;
    const scl_store_entry **entries = scl_calloc(room, sizeof *entries);
    if (entries == NULL)
        return scl_out_of_memory(err, room * sizeof *entries, "a checkpoint");
    scl_status status = choose_entries(model, content, entries, &count, err);
    if (status == SCL_OK)
        status = scl_checkpoint_save_entries(path, entries, count, model->store, SCL_NAMING_META,
                                             metadata, pairs, err);
    scl_free(entries);
    return status;
}

scl_status scl_tuned_metadata_make(scl_tuned_metadata *m, const scl_model *model,
                                   const scl_run_config *config, const scl_train_state *state,
                                   bool contains, scl_error *err)
{
    scl_hash128_text(model->base_hash, m->hash);
    m->dims = scl_sam_config_to_json(&model->config);
    m->state = scl_train_state_to_json(state);
    SCL_TRY(scl_run_config_resolved(config, &m->run, err));
    if (m->dims == NULL || m->state == NULL)
        return scl_out_of_memory(err, 1024, "a checkpoint");
    const scl_weights_pair pairs[] = {
        {"format", "pt"},
        {SCL_CONFIG_KEY, m->dims},
        {SCL_RUN_CONFIG_KEY, scl_str_text(&m->run)},
        {BASE_HASH_KEY, m->hash},
        {CONTAINS_BASE_KEY, contains ? "true" : "false"},
        {STATE_KEY, m->state},
    };
    _Static_assert(sizeof pairs == sizeof m->pairs, "one list of keys");
    memcpy(m->pairs, pairs, sizeof pairs);
    m->count = sizeof pairs / sizeof *pairs;
    return SCL_OK;
}

void scl_tuned_metadata_free(scl_tuned_metadata *m)
{
    scl_str_free(&m->run);
    scl_free(m->dims);
    scl_free(m->state);
}

scl_status scl_tuned_file_save(const char *path, const scl_model *model,
                               const scl_run_config *config, const scl_train_state *state,
                               scl_tuned_content content, scl_error *err)
{
    scl_tuned_metadata metadata = {0};
    scl_status status =
        scl_tuned_metadata_make(&metadata, model, config, state, contains_base(model), err);
    if (status == SCL_OK)
        status = save_with(path, model, metadata.pairs, metadata.count, content, err);
    scl_tuned_metadata_free(&metadata);
    return status;
}

/* ---- reading */

/* The tuned file that a run's folder stands for; NULL: it is none, or out of memory. */
static char *find_in_run(const char *folder)
{
    static const char *const names[] = {"checkpoints/best.safetensors",
                                        "checkpoints/last.safetensors"};
    char *config = scl_path_join(folder, "config.json");
    bool other = config == NULL || scl_path_exists(config);
    scl_free(config);
    for (size_t i = 0; i < sizeof names / sizeof *names && !other; i++) {
        char *path = scl_path_join(folder, names[i]);
        if (path != NULL && scl_path_exists(path))
            return path;
        scl_free(path);
    }
    return NULL;
}

scl_status scl_tuned_weights_load(const char *path, scl_weights *weights, scl_error *err)
{
    char *found = scl_path_is_folder(path) ? find_in_run(path) : NULL;
    if (found != NULL)
        scl_log(SCL_LOG_INFO, "%s is the folder of a run: using %s", path, found);
    scl_status status = scl_weights_load(found != NULL ? found : path, weights, err);
    scl_free(found);
    return status;
}

bool scl_tuned_file_is(const scl_weights *weights)
{
    return scl_adapter_layout_of(weights) != SCL_LAYOUT_NONE;
}

static scl_status metadata(const scl_weights *weights, const char *key, const char **value,
                           scl_error *err)
{
    *value = scl_weights_metadata(weights, key);
    return *value != NULL ? SCL_OK
                          : scl_fail(err, SCL_BAD_DATA,
                                     "%s: expected a file that samcl train wrote, found none of "
                                     "the metadata %s",
                                     weights->path, key);
}

static scl_status read_own(const scl_weights *weights, scl_tuned_about *about, scl_error *err)
{
    const char *contains, *state, *hash;
    char where[512];
    about->has_run = true;
    SCL_TRY(metadata(weights, SCL_RUN_CONFIG_KEY, &about->run_config, err));
    SCL_TRY(metadata(weights, CONTAINS_BASE_KEY, &contains, err));
    SCL_TRY(metadata(weights, BASE_HASH_KEY, &hash, err));
    SCL_TRY(metadata(weights, STATE_KEY, &state, err));
    snprintf(where, sizeof where, "%s: %s", weights->path, STATE_KEY);
    SCL_TRY(scl_train_state_from_json(state, where, &about->state, err));
    about->contains_base = strcmp(contains, "true") == 0;
    if (!about->contains_base && strcmp(contains, "false") != 0)
        return scl_fail(err, SCL_BAD_DATA, "%s: the metadata %s must be true or false",
                        weights->path, CONTAINS_BASE_KEY);
    snprintf(about->base_hash, sizeof about->base_hash, "%s", hash);
    for (size_t i = 0; i < weights->count; i++)
        about->has_optimizer |= scl_starts_with(weights->tensor[i].name, OPTIMIZER_PREFIX);
    return SCL_OK;
}

/* A foreign file that we wrote has the run's metadata, too. */
static scl_status read_foreign(scl_weights *weights, scl_tuned_about *about, scl_error *err)
{
    scl_foreign_adapter foreign = {0};
    SCL_TRY(about->layout == SCL_LAYOUT_PEFT ? scl_adapter_read_peft(weights, &foreign, err)
                                             : scl_adapter_read_sam_lora(weights, &foreign, err));
    about->settings[0] = foreign.adapter;
    about->settings[1] = foreign.train_also;
    about->setting_count = 2;
    about->base = foreign.base;
    about->position_code = foreign.position_code;
    about->state = scl_train_state_start();
    about->run_config = "name: adapter\n"
                        "model: {checkpoint: unknown}\n"
                        "data: {train: {images: unknown, masks: unknown}}\n";
    return scl_weights_metadata(weights, SCL_RUN_CONFIG_KEY) != NULL ? read_own(weights, about, err)
                                                                     : SCL_OK;
}

scl_status scl_tuned_file_about(scl_weights *weights, scl_tuned_about *about, scl_error *err)
{
    *about = (scl_tuned_about){.layout = scl_adapter_layout_of(weights)};
    bool foreign = about->layout == SCL_LAYOUT_PEFT || about->layout == SCL_LAYOUT_SAM_LORA;
    return foreign ? read_foreign(weights, about, err) : read_own(weights, about, err);
}

static scl_status load_state(const scl_weights *weights, const scl_weight *weight, scl_store *store,
                             scl_error *err)
{
    if (weight->dtype != SCL_WEIGHT_F32 || weight->ndim < 1 || weight->ndim > SCL_MAX_DIMS)
        return scl_fail(err, SCL_BAD_DATA, "%s: %s must be F32 of 1 to %d dimensions",
                        weights->path, weight->name, SCL_MAX_DIMS);
    float *values = scl_calloc((size_t)scl_weight_elements(weight), sizeof *values);
    if (values == NULL)
        return scl_out_of_memory(err, weight->bytes, weight->name);
    scl_weight_to_f32(weight, values);
    scl_weights_release(weights, weight);
    scl_status status = scl_store_set(store, weight->name, SCL_TENSOR_STATE,
                                      scl_shape_make(weight->ndim, weight->dim), values, err);
    scl_free(values);
    return status;
}

scl_status scl_tuned_file_load_optimizer(const scl_weights *weights, scl_store *store,
                                         scl_error *err)
{
    for (size_t i = 0; i < weights->count; i++)
        if (scl_starts_with(weights->tensor[i].name, OPTIMIZER_PREFIX))
            SCL_TRY(load_state(weights, &weights->tensor[i], store, err));
    return SCL_OK;
}
