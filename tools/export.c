#include "export.h"

#include "base/log.h"
#include "base/str.h"
#include "outputs.h"
#include "plugin/merge.h"
#include "tuned/adapter_write.h"

#include <string.h>

/* ---- whole models */

scl_status export_base(const scl_model *model, scl_naming naming, const scl_weights_pair *metadata,
                       size_t count, const char *path, scl_error *err)
{
    scl_param_list all;
    scl_graph *base = scl_sam_catalog(&model->config, NULL, err);
    if (base == NULL)
        return err->status;
    scl_status status = scl_checkpoint_params(base, false, &all, err);
    if (status == SCL_OK)
        status = scl_checkpoint_save(path, &all, model->store, naming, metadata, count, err);
    scl_graph_free(base);
    return status;
}

static scl_status save_whole(scl_tuned_model *tuned, scl_naming naming, const char *path,
                             scl_error *err)
{
    SCL_TRY(scl_adapters_merge(&tuned->plugins, tuned->model, err));
    for (size_t i = 0; i < tuned->plugins.adapter_count; i++)
        scl_log(SCL_LOG_INFO, "the adapter %s is put into the weights",
                tuned->plugins.adapters[i].label);
    char *dims = scl_sam_config_to_json(&tuned->model->config);
    if (dims == NULL)
        return scl_out_of_memory(err, 1024, "a model");
    const scl_weights_pair metadata[] = {{"format", "pt"}, {SCL_CONFIG_KEY, dims}};
    scl_status status = export_base(tuned->model, naming, metadata, 2, path, err);
    scl_free(dims);
    return status;
}

scl_status export_to_meta(scl_tuned_model *tuned, const char *path, scl_error *err)
{
    if (tuned->model->config.flavour == SCL_SAM_HF)
        scl_log(SCL_LOG_INFO,
                "the norms of the mask decoder had the eps of transformers, 1e-6; segment-anything "
                "takes 1e-5, so its masks may differ in the last digits");
    return save_whole(tuned, SCL_NAMING_META, path, err);
}

static scl_status write_hf_config(const scl_sam_config *config, const char *folder, scl_error *err)
{
    char *text = scl_sam_config_to_hf(config), *path = scl_path_join(folder, "config.json");
    scl_status status = text == NULL || path == NULL
                            ? scl_out_of_memory(err, 4096, "config.json")
                            : scl_file_write(path, text, strlen(text), err);
    scl_free(text);
    scl_free(path);
    return status;
}

static scl_status write_hf(scl_tuned_model *tuned, const char *folder, scl_error *err)
{
    const scl_sam_config *config = &tuned->model->config;
    if (config->classes > 0)
        return scl_fail(err, SCL_BAD_CONFIG,
                        "this model has a head for %lld classes, which transformers' SamModel does "
                        "not: only --to meta is possible, and only samcl reads it",
                        (long long)config->classes);
    char *weights = scl_path_join(folder, "model.safetensors");
    if (weights == NULL)
        return scl_out_of_memory(err, 4096, "a path");
    scl_status status = scl_make_folders(folder, err);
    if (status == SCL_OK)
        status = write_hf_config(config, folder, err);
    if (status == SCL_OK)
        status = save_whole(tuned, SCL_NAMING_HF, weights, err);
    scl_free(weights);
    return status;
}

/* ---- adapters */

static scl_status write_samcl(scl_tuned_model *tuned, const char *path, scl_error *err)
{
    if (tuned->used_adaptation == NULL)
        return scl_fail(err, SCL_BAD_CONFIG,
                        "%s is a checkpoint without an adapter; --to samcl is for adapters",
                        tuned->config.model.checkpoint);
    return scl_tuned_file_save(path, tuned->model, &tuned->config, &tuned->about.state,
                               SCL_TUNED_WEIGHTS, err);
}

static scl_status write_peft(scl_tuned_model *tuned, const char *folder, scl_error *err)
{
    return scl_adapter_write_peft(folder, tuned, err);
}

static scl_status write_sam_lora(scl_tuned_model *tuned, const char *path, scl_error *err)
{
    return scl_adapter_write_sam_lora(path, tuned, err);
}

/* ---- any of them */

static const export_format formats[] = {
    {.name = "meta", .may_be_pth = true, .write = export_to_meta},
    {.name = "hf", .is_folder = true, .write = write_hf},
    {.name = "samcl", .write = write_samcl},
    {.name = "peft", .is_folder = true, .write = write_peft},
    {.name = "sam_lora", .may_be_pth = true, .write = write_sam_lora},
};

scl_status export_find_format(const char *name, const export_format **format, scl_error *err)
{
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (strcmp(formats[i].name, name) == 0) {
            *format = &formats[i];
            return SCL_OK;
        }
    return scl_fail(err, SCL_BAD_CONFIG,
                    "--to: expected meta, hf, samcl, peft or sam_lora, found %s", name);
}

/* A folder is new; a file may be replaced. */
scl_status export_check_out(const export_format *format, const char *out, scl_error *err)
{
    if (!format->is_folder) {
        bool pth = format->may_be_pth && scl_ends_with(out, ".pth");
        if (!pth)
            SCL_TRY(cli_output_extension("--out", out, ".safetensors", err));
        return cli_output_check(out, err);
    }
    size_t length = strlen(out);
    if (length == 0 || out[length - 1] == '/')
        return scl_fail(err, SCL_BAD_CONFIG, "--out: expected a folder without a slash at the end");
    if (scl_path_exists(out))
        return scl_fail(err, SCL_BAD_CONFIG,
                        "--out: %s exists already; give the name of a new folder", out);
    return cli_output_check(out, err);
}

static scl_status write_staged(const export_format *format, scl_tuned_model *tuned,
                               const char *path, scl_error *err)
{
    cli_outputs outputs = {0};
    const char *staged = NULL;
    scl_status status = cli_output_stage(&outputs, path, &staged, err);
    if (status == SCL_OK)
        status = format->write(tuned, staged, err);
    return cli_outputs_end(&outputs, status, err);
}

scl_status export_model(const cli_args *args, const export_format *format, const char *out,
                        scl_error *err)
{
    static cli_model model; /* large, and must not move */
    scl_status status = cli_model_load(args, "reference", &model, err);
    if (status == SCL_OK)
        status = write_staged(format, &model.tuned, out, err);
    cli_model_close(&model);
    return status;
}
