#include "tuned/tuned_model.h"

#include "base/log.h"
#include "base/str.h"

#include <string.h>

/* ---- reading */

static scl_status set_type(scl_tuned_model *tuned, const char *type, scl_error *err)
{
    if (type == NULL || scl_sam_find_preset(type, &tuned->config.model.type, err) == SCL_OK)
        return SCL_OK;
    return scl_error_prefix(err, "--model-type");
}

/* The run file of the tuned file, with the settings over it. */
static scl_status read_run(scl_tuned_model *tuned, const scl_tuned_source *source, scl_error *err)
{
    SCL_TRY(scl_tuned_file_about(&tuned->weights, &tuned->about, err));
    scl_run_config_load_text(&tuned->config, tuned->weights.path, tuned->about.run_config,
                             strlen(tuned->about.run_config), source->settings,
                             source->setting_count);
    SCL_TRY(source->with_losses
                ? scl_run_plugins_open(&tuned->config, &tuned->plugins, err)
                : scl_run_plugins_open_adapter(&tuned->config, &tuned->plugins, err));
    tuned->adaptation = scl_run_plugins_adaptation(&tuned->plugins);
    tuned->used_adaptation = &tuned->adaptation;
    return SCL_OK;
}

static scl_status keep_checkpoint(scl_tuned_model *tuned, const char *path, scl_error *err)
{
    tuned->config.model.checkpoint = scl_arena_strdup(&tuned->config.arena, path);
    return tuned->config.model.checkpoint != NULL
               ? SCL_OK
               : scl_out_of_memory(err, strlen(path) + 1, "a path");
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
    if (strcmp(found, tuned->about.base_hash) == 0)
        return SCL_OK;
    return scl_fail(err, SCL_BAD_DATA,
                    "%s was trained on another base (hash %s) than %s (hash %s): give that one by "
                    "--checkpoint",
                    tuned->weights.path, tuned->about.base_hash, tuned->config.model.checkpoint,
                    found);
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
