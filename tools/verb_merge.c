/* verb_merge.c — samcl merge: a base and an adapter as one checkpoint. */
#include "export.h"
#include "plugin/merge.h"

static const cli_option options[] = {
    CLI_CHECKPOINT_OPTIONS,
    {"--out", "FILE.safetensors", "the merged checkpoint", false},
};

/* A run's classes, prompts and value range travel with the merged file, as with the adapter's. */
static scl_status save_with_run(scl_tuned_model *tuned, const char *path, scl_error *err)
{
    scl_tuned_metadata metadata = {0};
    tuned->config.adapter.count = 0;
    tuned->config.train_also.count = 0;
    scl_status status = scl_tuned_metadata_make(&metadata, tuned->model, &tuned->config,
                                                &tuned->about.state, true, err);
    if (status == SCL_OK)
        status =
            export_base(tuned->model, SCL_NAMING_META, metadata.pairs, metadata.count, path, err);
    scl_tuned_metadata_free(&metadata);
    return status;
}

static scl_status write_merged(scl_tuned_model *tuned, const char *path, scl_error *err)
{
    bool whole = tuned->about.contains_base && tuned->plugins.adapter_count == 0;
    if (tuned->used_adaptation == NULL || whole)
        return scl_fail(
            err, SCL_BAD_CONFIG, "%s is one checkpoint already: there is nothing to merge",
            tuned->used_adaptation == NULL ? tuned->config.model.checkpoint : tuned->weights.path);
    if (!tuned->about.has_run)
        return export_to_meta(tuned, path, err);
    SCL_TRY(scl_adapters_merge(&tuned->plugins, tuned->model, err));
    return save_with_run(tuned, path, err);
}

static const export_format merged = {.name = "merge", .write = write_merged};

static scl_status run(const cli_args *args, scl_error *err)
{
    const char *out;
    SCL_TRY(cli_require(args, "--out", &out, err));
    SCL_TRY(export_check_out(&merged, out, err));
    return export_model(args, &merged, out, err);
}

const cli_verb verb_merge = {
    .name = "merge",
    .summary = "makes one checkpoint of a base and its adapter",
    .usage = "--checkpoint FILE [--adapter FILE] --out FILE.safetensors",
    .options = options,
    .option_count = sizeof options / sizeof *options,
    .notes =
        "The result gives the same masks without the adapter and without the base, has the names\n"
        "of segment-anything's checkpoints, and is used like one; what the run file says of\n"
        "classes and images goes with it. An adapter whose effect is not that of other weights,\n"
        "such as one with a layer of its own, cannot be merged, which is said.\n"
        "\n"
        "examples:\n"
        "  samcl merge --checkpoint runs/cells --out cells.safetensors\n"
        "  samcl merge --checkpoint sam_vit_b_01ec64.pth --adapter lora_rank4.safetensors \\\n"
        "      --out merged.safetensors",
    .run = run,
};
