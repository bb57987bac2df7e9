/* verb_convert.c — samcl convert: a model as other programs read it. */
#include "cli.h"
#include "outputs.h"

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "model_use.h"

#include <stdio.h>
#include <string.h>

static const cli_option options[] = {
    CLI_CHECKPOINT_OPTIONS,
    {"--to", "FORMAT", "meta: one .safetensors file in segment-anything's names; hf: a folder",
     false},
    {"--out", "PATH", "the file, or the folder, which must not exist", false},
};

/* ---- what can be converted */

static scl_status refuse_own_parameters(const cli_model *m, const scl_graph *base, scl_error *err)
{
    const scl_graph *catalog = m->tuned.model->catalog;
    for (size_t i = 0; i < catalog->tensor_count; i++) {
        const scl_tensor *tensor = catalog->tensors[i];
        if (tensor->kind == SCL_TENSOR_PARAM && scl_graph_find(base, tensor->name) == NULL)
            return scl_fail(err, SCL_BAD_CONFIG,
                            "%s cannot be converted: the adapter `%s` has parameters of its own "
                            "(such as \"%s\"), and merging them into the model is not possible yet",
                            m->tuned.weights.path, m->tuned.config.adapter.items[0].use,
                            tensor->name);
    }
    return SCL_OK;
}

static scl_status check_model(const cli_model *m, const scl_graph *base, bool hf, scl_error *err)
{
    const scl_sam_config *config = &m->tuned.model->config;
    if (hf && config->classes > 0)
        return scl_fail(err, SCL_BAD_CONFIG,
                        "this model has a head for %lld classes, which transformers' SamModel does "
                        "not: only --to meta is possible, and only samcl reads it",
                        (long long)config->classes);
    return refuse_own_parameters(m, base, err);
}

/* ---- writing */

static scl_status save(const cli_model *m, scl_graph *base, scl_naming naming, const char *path,
                       scl_error *err)
{
    scl_param_list all;
    SCL_TRY(scl_checkpoint_params(base, false, &all, err));
    char *dims = scl_sam_config_to_json(&m->tuned.model->config);
    if (dims == NULL)
        return scl_out_of_memory(err, 1024, "a model");
    const scl_weights_pair metadata[] = {{"format", "pt"}, {SCL_CONFIG_KEY, dims}};
    scl_status status =
        scl_checkpoint_save(path, &all, m->tuned.model->store, naming, metadata, 2, err);
    scl_free(dims);
    return status;
}

static scl_status fill_folder(const cli_model *m, scl_graph *base, const char *folder,
                              scl_error *err)
{
    char *text = scl_sam_config_to_hf(&m->tuned.model->config);
    char *config = scl_path_join(folder, "config.json");
    char *weights = scl_path_join(folder, "model.safetensors");
    scl_status status = text == NULL || config == NULL || weights == NULL
                            ? scl_out_of_memory(err, 4096, "config.json")
                            : scl_make_folders(folder, err);
    if (status == SCL_OK)
        status = scl_file_write(config, text, strlen(text), err);
    if (status == SCL_OK)
        status = save(m, base, SCL_NAMING_HF, weights, err);
    scl_free(text);
    scl_free(config);
    scl_free(weights);
    return status;
}

static scl_status write_model(const cli_model *m, scl_graph *base, bool hf, const char *path,
                              scl_error *err)
{
    cli_outputs outputs = {0};
    const char *staged = NULL;
    scl_status status = cli_output_stage(&outputs, path, &staged, err);
    if (status == SCL_OK)
        status =
            hf ? fill_folder(m, base, staged, err) : save(m, base, SCL_NAMING_META, staged, err);
    if (status == SCL_OK)
        return cli_outputs_commit(&outputs, err);
    cli_outputs_discard(&outputs);
    return status;
}

static scl_status convert(const cli_args *args, bool hf, const char *out, cli_model *m,
                          scl_error *err)
{
    SCL_TRY(cli_model_open(args, "reference", m, err));
    scl_graph *base = scl_sam_catalog(&m->tuned.model->config, NULL, err);
    scl_status status = base != NULL ? check_model(m, base, hf, err) : err->status;
    if (status == SCL_OK)
        status = write_model(m, base, hf, out, err);
    scl_graph_free(base);
    return status;
}

/* A folder is new; a file may be replaced. */
static scl_status check_out(bool hf, const char *out, scl_error *err)
{
    if (!hf) {
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

static scl_status run(const cli_args *args, scl_error *err)
{
    static cli_model model;
    const char *to, *out;
    SCL_TRY(cli_require(args, "--to", &to, err));
    SCL_TRY(cli_require(args, "--out", &out, err));
    bool hf = strcmp(to, "hf") == 0;
    if (!hf && strcmp(to, "meta") != 0)
        return scl_fail(err, SCL_BAD_CONFIG, "--to: expected meta or hf, found %s", to);
    SCL_TRY(check_out(hf, out, err));
    scl_status status = convert(args, hf, out, &model, err);
    cli_model_close(&model);
    return status;
}

const cli_verb verb_convert = {
    .name = "convert",
    .summary = "writes a model for segment-anything or transformers",
    .usage = "--checkpoint FILE --to meta|hf --out PATH",
    .options = options,
    .option_count = sizeof options / sizeof *options,
    .notes =
        "meta  one safetensors file; in Python:\n"
        "      sam.load_state_dict(safetensors.torch.load_file(PATH))\n"
        "hf    a folder with config.json and model.safetensors; in Python:\n"
        "      transformers.SamModel.from_pretrained(PATH)\n"
        "\n"
        "The values are not changed. A file of samcl train can be converted when its adapter has\n"
        "no parameters of its own. The model is held in memory at about 12 bytes a parameter.\n"
        "\n"
        "examples:\n"
        "  samcl convert --checkpoint sam_vit_b_01ec64.pth --to hf --out sam-vit-base\n"
        "  samcl convert --checkpoint runs/cells/checkpoints/best.safetensors --to meta \\\n"
        "      --out cells.safetensors",
    .run = run,
};
