#include "tuned/start.h"

#include "base/log.h"
#include "tuned/tuned_file.h"

#include <string.h>

typedef struct starting {
    const scl_run_plugins *plugins;
    scl_weights weights;
    scl_tuned_about about;
    scl_run_config config;    /* of the file */
    scl_run_plugins adapters; /* of the file */
} starting;

static scl_status read_file(starting *s, const char *path, scl_error *err)
{
    SCL_TRY(scl_tuned_weights_load(path, &s->weights, err));
    if (!scl_tuned_file_is(&s->weights))
        return scl_fail(err, SCL_BAD_DATA,
                        "%s: expected an adapter of samcl, peft or Sam_LoRA, found a checkpoint: "
                        "name it as model.checkpoint",
                        path);
    SCL_TRY(scl_tuned_file_about(&s->weights, &s->about, err));
    if (s->about.contains_base)
        return scl_fail(err, SCL_BAD_DATA,
                        "%s holds a whole model: name it as model.checkpoint instead", path);
    scl_run_config_load_text(&s->config, path, s->about.run_config, strlen(s->about.run_config),
                             s->about.settings, s->about.setting_count);
    return scl_run_plugins_open_adapter(&s->config, &s->adapters, err);
}

/* ---- the same adapters */

/* Which layers are meant shows in the names of tensors, and dropout is of a training. */
static bool must_agree(const char *key)
{
    return strcmp(key, "sites") != 0 && strcmp(key, "parameters") != 0 &&
           strcmp(key, "dropout") != 0;
}

static scl_status compare_params(const scl_run_plugin *run, const scl_run_plugin *file,
                                 const char *path, scl_error *err)
{
    const scl_plugin *facts = &run->file.facts.plugin;
    for (uint64_t i = 0; i < facts->param_count; i++) {
        const scl_param *row = &facts->params[i];
        scl_str here = {0}, there = {0};
        scl_status status = SCL_OK;
        scl_value_write(row, run->params, &here);
        scl_value_write(row, file->params, &there);
        if (here.failed || there.failed)
            status = scl_out_of_memory(err, here.capacity, "a parameter");
        else if (must_agree(row->key) && strcmp(scl_str_text(&here), scl_str_text(&there)) != 0)
            status = scl_fail(err, SCL_BAD_CONFIG,
                              "the adapter `%s` has `%s` %s, but %s was made with %s", run->label,
                              row->key, scl_str_text(&here), path, scl_str_text(&there));
        scl_str_free(&here);
        scl_str_free(&there);
        SCL_TRY(status);
    }
    return SCL_OK;
}

static scl_status compare_adapters(const starting *s, scl_error *err)
{
    const scl_run_plugins *run = s->plugins, *file = &s->adapters;
    const char *path = s->weights.path;
    if (run->adapter_count != file->adapter_count)
        return scl_fail(err, SCL_BAD_CONFIG, "the run has %zu adapters, but %s has %zu",
                        run->adapter_count, path, file->adapter_count);
    for (size_t i = 0; i < run->adapter_count; i++) {
        if (strcmp(run->adapters[i].label, file->adapters[i].label) != 0)
            return scl_fail(err, SCL_BAD_CONFIG, "the run uses the adapter `%s`, but %s has `%s`",
                            run->adapters[i].label, path, file->adapters[i].label);
        SCL_TRY(compare_params(&run->adapters[i], &file->adapters[i], path, err));
    }
    return SCL_OK;
}

/* ---- values */

static void warn_of_base(const starting *s, const scl_model *model)
{
    char hash[SCL_HASH_TEXT];
    scl_hash128_text(model->base_hash, hash);
    if (model->store != NULL && s->about.base_hash[0] != '\0' &&
        strcmp(hash, s->about.base_hash) != 0)
        scl_log(SCL_LOG_WARN, "%s was trained on another base than the run's", s->weights.path);
}

/* A decoder that came with the adapter, say, must not be lost. */
static scl_status check_trained(const starting *s, const scl_graph *catalog, scl_error *err)
{
    for (size_t i = 0; i < s->weights.count; i++) {
        const char *name = s->weights.tensor[i].name;
        const scl_tensor *known = scl_graph_find(catalog, name);
        if (known != NULL && !known->trained)
            return scl_fail(err, SCL_BAD_CONFIG,
                            "%s holds \"%s\", which the run does not train: name it in train_also",
                            s->weights.path, name);
    }
    return SCL_OK;
}

/* What the adapters made, and of the base's trained parameters those that the file has. */
static scl_status load_values(const starting *s, scl_model *model, const scl_graph *base,
                              scl_error *err)
{
    scl_param_list trained, wanted = {0};
    SCL_TRY(check_trained(s, model->catalog, err));
    SCL_TRY(scl_checkpoint_params(model->catalog, true, &trained, err));
    wanted.items = trained.items;
    for (size_t i = 0; i < trained.count; i++) {
        const char *name = trained.items[i]->name;
        bool own = scl_graph_find(base, name) == NULL;
        if (own || scl_weights_find(&s->weights, name) != NULL)
            wanted.items[wanted.count++] = trained.items[i];
    }
    return scl_checkpoint_load_delta(&s->weights, &wanted, model->store, err);
}

static scl_status start(starting *s, const char *path, scl_model *model, scl_error *err)
{
    SCL_TRY(read_file(s, path, err));
    SCL_TRY(compare_adapters(s, err));
    scl_graph *base = scl_sam_catalog(&model->config, NULL, err);
    if (base == NULL)
        return err->status;
    scl_status status = load_values(s, model, base, err);
    scl_graph_free(base);
    if (status == SCL_OK)
        warn_of_base(s, model);
    return status;
}

scl_status scl_tuned_start(const scl_run_plugins *plugins, scl_model *model, scl_error *err)
{
    const char *path = plugins->config->adapter_from;
    if (path == NULL)
        return SCL_OK;
    starting *s = scl_calloc(1, sizeof *s); /* large */
    if (s == NULL)
        return scl_out_of_memory(err, sizeof *s, "an adapter");
    s->plugins = plugins;
    scl_status status = start(s, path, model, err);
    scl_run_config_free(&s->config);
    scl_run_plugins_close(&s->adapters);
    scl_weights_free(&s->weights);
    scl_free(s);
    bool of_file = status == SCL_BAD_DATA || status == SCL_BAD_CONFIG;
    return of_file ? scl_run_config_blame(plugins->config, "adapter_from", err) : status;
}
