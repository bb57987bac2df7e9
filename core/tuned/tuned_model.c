#include "tuned/tuned_model.h"

#include "base/log.h"
#include "base/str.h"

#include <math.h>
#include <string.h>

/* ---- reading */

static scl_status set_type(scl_tuned_model *tuned, const char *type, scl_error *err)
{
    if (type == NULL || scl_sam_find_preset(type, &tuned->config.model.type, err) == SCL_OK)
        return SCL_OK;
    return scl_error_prefix(err, "--model-type");
}

static scl_status keep_checkpoint(scl_tuned_model *tuned, const char *path, scl_error *err)
{
    tuned->config.model.checkpoint = scl_arena_strdup(&tuned->config.arena, path);
    return tuned->config.model.checkpoint != NULL
               ? SCL_OK
               : scl_out_of_memory(err, strlen(path) + 1, "a path");
}

static const char *setting(scl_weights *weights, const char *key, const scl_yaml *root)
{
    const scl_yaml_entry *entry = scl_yaml_find(root, key);
    scl_str text = {0};
    scl_str_add(&text, "%s=", key);
    if (entry != NULL)
        scl_yaml_write(entry->value, &text);
    const char *copy = text.failed ? NULL : scl_arena_strdup(&weights->arena, text.text);
    scl_str_free(&text);
    return copy;
}

/* What our own run file says of the adapter, as the foreign layouts do. */
static scl_status take_settings(scl_tuned_model *tuned, scl_error *err)
{
    scl_tuned_about *about = &tuned->about;
    scl_run_config own = {0};
    if (about->setting_count > 0)
        return SCL_OK;
    scl_run_config_load_text(&own, tuned->weights.path, about->run_config,
                             strlen(about->run_config), NULL, 0);
    scl_status status = scl_run_config_finish(&own, err);
    if (status == SCL_OK) {
        about->settings[0] = setting(&tuned->weights, "adapter", own.root);
        about->settings[1] = setting(&tuned->weights, "train_also", own.root);
        about->setting_count = 2;
        if (about->settings[0] == NULL || about->settings[1] == NULL)
            status = scl_out_of_memory(err, 1024, "settings");
    }
    scl_run_config_free(&own);
    return status;
}

/* What the file itself says, then the caller's settings. */
static scl_status load_run(scl_tuned_model *tuned, const scl_tuned_source *source, scl_error *err)
{
    const scl_tuned_about *about = &tuned->about;
    if (source->run_file != NULL)
        SCL_TRY(take_settings(tuned, err));
    size_t count = about->setting_count + source->setting_count;
    const char **settings = scl_calloc(count, sizeof *settings);
    if (settings == NULL)
        return scl_out_of_memory(err, count * sizeof *settings, "settings");
    for (size_t i = 0; i < count; i++)
        settings[i] = i < about->setting_count ? about->settings[i]
                                               : source->settings[i - about->setting_count];
    if (source->run_file != NULL)
        scl_run_config_load(&tuned->config, source->run_file, settings, count);
    else
        scl_run_config_load_text(&tuned->config, tuned->weights.path, about->run_config,
                                 strlen(about->run_config), settings, count);
    scl_free(settings);
    return SCL_OK;
}

/* The run file's base, for an adapter alone. */
static scl_status check_run_file(const scl_tuned_model *tuned, scl_error *err)
{
    if (tuned->about.contains_base)
        return scl_fail(err, SCL_BAD_CONFIG,
                        "%s holds a whole model: name it in %s as model.checkpoint",
                        tuned->weights.path, tuned->config.path);
    if (tuned->config.model.checkpoint == NULL)
        return scl_fail(err, SCL_BAD_CONFIG, "%s: name the base of %s as model.checkpoint",
                        tuned->config.path, tuned->weights.path);
    return SCL_OK;
}

/* A foreign file may name a folder or file that is here. */
static scl_status find_base(scl_tuned_model *tuned, const scl_tuned_source *source, scl_error *err)
{
    const char *base = tuned->about.base;
    bool given = source->adapter != NULL && source->checkpoint != NULL;
    if (source->run_file != NULL)
        return check_run_file(tuned, err);
    if (tuned->about.has_run || given)
        return SCL_OK;
    if (base != NULL && scl_path_exists(base))
        return keep_checkpoint(tuned, base, err);
    return scl_fail(err, SCL_BAD_CONFIG,
                    "%s is an adapter%s%s: give the base by --checkpoint and the adapter by "
                    "--adapter",
                    tuned->weights.path,
                    base != NULL ? " of a base that is not here, " : " that does not name its base",
                    base != NULL ? base : "");
}

/* The run file of the tuned file, with the settings over it. */
static scl_status read_run(scl_tuned_model *tuned, const scl_tuned_source *source, scl_error *err)
{
    SCL_TRY(scl_tuned_file_about(&tuned->weights, &tuned->about, err));
    SCL_TRY(load_run(tuned, source, err));
    SCL_TRY(source->with_losses
                ? scl_run_plugins_open(&tuned->config, &tuned->plugins, err)
                : scl_run_plugins_open_adapter(&tuned->config, &tuned->plugins, err));
    SCL_TRY(find_base(tuned, source, err));
    tuned->adaptation = scl_run_plugins_adaptation(&tuned->plugins);
    tuned->used_adaptation = &tuned->adaptation;
    return SCL_OK;
}

/* A tuned file given where a base belongs stands for both, base and adapter. */
static scl_status read_single(scl_tuned_model *tuned, const scl_tuned_source *source,
                              scl_error *err)
{
    SCL_TRY(scl_tuned_weights_load(source->checkpoint, &tuned->weights, err));
    if (scl_tuned_file_is(&tuned->weights))
        return read_run(tuned, source, err);
    scl_weights_free(&tuned->weights);
    if (source->setting_count > 0)
        return scl_fail(err, SCL_BAD_CONFIG,
                        "%s holds no run file that %s could change: it is no file of samcl train",
                        source->checkpoint, source->settings[0]);
    tuned->config.model = scl_model_config_unset();
    return keep_checkpoint(tuned, source->checkpoint, err);
}

static scl_status read_adapter(scl_tuned_model *tuned, const scl_tuned_source *source,
                               scl_error *err)
{
    SCL_TRY(scl_tuned_weights_load(source->adapter, &tuned->weights, err));
    if (!scl_tuned_file_is(&tuned->weights))
        return scl_fail(err, SCL_BAD_DATA,
                        "%s: expected an adapter file that samcl train wrote, found a checkpoint: "
                        "give it as --checkpoint",
                        source->adapter);
    SCL_TRY(read_run(tuned, source, err));
    if (source->checkpoint == NULL)
        return SCL_OK;
    if (tuned->about.contains_base)
        return scl_fail(err, SCL_BAD_CONFIG,
                        "%s holds a whole model: give it alone, as --checkpoint", source->adapter);
    return keep_checkpoint(tuned, source->checkpoint, err);
}

scl_status scl_tuned_model_read(scl_tuned_model *tuned, const scl_tuned_source *source,
                                scl_error *err)
{
    if (source->checkpoint == NULL && source->adapter == NULL)
        return scl_fail(err, SCL_BAD_CONFIG, "--checkpoint is required: the model to use");
    SCL_TRY(source->adapter != NULL ? read_adapter(tuned, source, err)
                                    : read_single(tuned, source, err));
    return set_type(tuned, source->model_type, err);
}

/* ---- opening */

static int64_t classes_of(const scl_run_config *config)
{
    return config->data.task == SCL_TASK_MULTICLASS ? config->data.classes : 0;
}

static scl_model_source base_source(const scl_tuned_model *tuned)
{
    return (scl_model_source){.section = &tuned->config.model,
                              .classes = classes_of(&tuned->config),
                              .seed = (uint64_t)tuned->config.seed};
}

static scl_status check_base(const scl_tuned_model *tuned, scl_error *err)
{
    char found[SCL_HASH_TEXT];
    scl_hash128_text(tuned->model->base_hash, found);
    if (tuned->about.base_hash[0] == '\0')
        scl_log(SCL_LOG_INFO, "%s does not say on which base it was trained; it is used over %s",
                tuned->weights.path, tuned->config.model.checkpoint);
    if (tuned->about.base_hash[0] == '\0' || strcmp(found, tuned->about.base_hash) == 0)
        return SCL_OK;
    return scl_fail(err, SCL_BAD_DATA,
                    "%s was trained on another base (hash %s) than %s (hash %s): give that one by "
                    "--checkpoint",
                    tuned->weights.path, tuned->about.base_hash, tuned->config.model.checkpoint,
                    found);
}

/* Whether the values are those of the base, which other bases have drawn at random; half precision
 * may have rounded them. */
static scl_status compare_code(const scl_weight *code, const scl_store *store,
                               const scl_store_entry *entry, bool *same, scl_error *err)
{
    size_t count = (size_t)scl_shape_count(entry->shape);
    *same = (size_t)scl_weight_elements(code) == count;
    if (!*same)
        return SCL_OK;
    float *values = scl_calloc(count, 2 * sizeof *values);
    if (values == NULL)
        return scl_out_of_memory(err, 2 * count * sizeof *values, code->name);
    scl_weight_to_f32(code, values);
    scl_status status = scl_store_read(store, entry, values + count, err);
    for (size_t i = 0; i < count; i++)
        *same = *same && fabsf(values[i] - values[count + i]) < 0.02f;
    scl_free(values);
    return status;
}

/* A foreign file may hold what tells bases apart. */
static scl_status check_position_code(const scl_tuned_model *tuned, scl_error *err)
{
    const scl_weight *code = &tuned->about.position_code;
    const scl_store *store = tuned->model->store;
    bool same = false;
    if (code->name == NULL)
        return SCL_OK;
    const scl_store_entry *entry = scl_store_find(store, SCL_POSITION_CODE);
    if (entry != NULL)
        SCL_TRY(compare_code(code, store, entry, &same, err));
    return same ? SCL_OK
                : scl_fail(err, SCL_BAD_DATA,
                           "%s was trained on another base than %s: its position code (%s) differs",
                           tuned->weights.path, tuned->config.model.checkpoint, code->name);
}

static scl_status open_tuned(scl_tuned_model *tuned, scl_device *device, scl_error *err)
{
    scl_model_source source = base_source(tuned);
    scl_param_list params;
    source.adaptation = &tuned->adaptation;
    if (tuned->about.contains_base)
        source.weights = &tuned->weights;
    SCL_TRY(scl_model_open(device, &source, &tuned->model, err));
    if (!tuned->about.contains_base)
        SCL_TRY(check_base(tuned, err));
    SCL_TRY(check_position_code(tuned, err));
    SCL_TRY(
        scl_checkpoint_params(tuned->model->catalog, !tuned->about.contains_base, &params, err));
    SCL_TRY(scl_checkpoint_load_delta(&tuned->weights, &params, tuned->model->store, err));
    /* what the file holds is not a base: a run that goes on from it keeps the first one's hash */
    tuned->model->from_checkpoint = !tuned->about.contains_base;
    return SCL_OK;
}

scl_status scl_tuned_model_open(scl_tuned_model *tuned, scl_device *device, scl_error *err)
{
    if (tuned->used_adaptation != NULL)
        return open_tuned(tuned, device, err);
    scl_model_source source = base_source(tuned);
    return scl_model_open(device, &source, &tuned->model, err);
}

scl_status scl_tuned_model_open_base(const scl_tuned_model *tuned, scl_device *device,
                                     scl_model **base, scl_error *err)
{
    *base = NULL;
    if (tuned->about.contains_base || tuned->config.model.checkpoint == NULL)
        return SCL_OK;
    scl_model_source source = base_source(tuned);
    return scl_model_open(device, &source, base, err);
}

void scl_tuned_model_close(scl_tuned_model *tuned)
{
    scl_model_free(tuned->model);
    scl_run_config_free(&tuned->config);
    scl_run_plugins_close(&tuned->plugins);
    scl_weights_free(&tuned->weights);
    *tuned = (scl_tuned_model){0};
}
