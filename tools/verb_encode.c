/* verb_encode.c — samcl encode: the image embedding, for programs that decode themselves. */
#include "model_use.h"
#include "outputs.h"
#include "tracing.h"

#include "base/mem.h"
#include "io/npy.h"
#include "predict/input_image.h"

static const cli_option options[] = {
    CLI_CHECKPOINT_OPTIONS,
    CLI_DEVICE_OPTION,
    CLI_MEMORY_OPTION,
    {"--image", "FILE", "a PNG or JPEG picture", false},
    {"--out", "FILE.npy", "the embedding", false},
    CLI_TRACE_OPTION,
};

/* [grid, grid, channels] -> [channels, grid, grid] */
static void to_channels_first(const float *in, int64_t grid, int64_t channels, float *out)
{
    for (int64_t c = 0; c < channels; c++)
        for (int64_t i = 0; i < grid * grid; i++)
            *out++ = in[i * channels + c];
}

static scl_status write_embedding(const cli_model *model, const char *path, scl_error *err)
{
    const scl_sam_config *config = &model->tuned.model->config;
    int64_t grid = scl_sam_grid(config), channels = config->prompt_embed_dim;
    const int64_t shape[] = {1, channels, grid, grid};
    size_t count = scl_predictor_embedding_count(model->predictor);
    float *last = scl_calloc(count, sizeof *last), *first = scl_calloc(count, sizeof *first);
    scl_status status = last == NULL || first == NULL
                            ? scl_out_of_memory(err, count * sizeof *last, "the embedding")
                            : scl_predictor_get_embedding(model->predictor, last, err);
    if (status == SCL_OK) {
        to_channels_first(last, grid, channels, first);
        status = scl_npy_write_f32(path, 4, shape, first, err);
    }
    scl_free(last);
    scl_free(first);
    return status;
}

static scl_status encode(const cli_args *args, const char *path, const char *out, cli_model *model,
                         scl_error *err)
{
    scl_input_image image = {0};
    cli_tracing tracing = {0};
    SCL_TRY(cli_tracing_read(&tracing, args, err));
    SCL_TRY(cli_model_open(args, "auto", model, err));
    scl_status status = scl_input_image_read(&image, path, cli_model_value_range(model),
                                             model->tuned.model->config.image_size, err);
    if (status == SCL_OK)
        status = cli_tracing_begin(&tracing, model->device, err);
    if (status == SCL_OK)
        status = scl_input_image_encode(&image, model->predictor, err);
    status = cli_tracing_end(&tracing, status, err);
    if (status == SCL_OK)
        status = write_embedding(model, out, err);
    scl_input_image_free(&image);
    return status;
}

static scl_status run(const cli_args *args, scl_error *err)
{
    static cli_model model;
    const char *image, *out;
    SCL_TRY(cli_require(args, "--image", &image, err));
    SCL_TRY(cli_require(args, "--out", &out, err));
    SCL_TRY(cli_output_extension("--out", out, ".npy", err));
    SCL_TRY(cli_output_check(out, err));
    scl_status status = encode(args, image, out, &model, err);
    cli_model_close(&model);
    return status;
}

const cli_verb verb_encode = {
    .name = "encode",
    .summary = "writes the embedding of an image",
    .usage = "--checkpoint FILE --image FILE --out FILE.npy",
    .options = options,
    .option_count = sizeof options / sizeof *options,
    .notes = "The file is a float32 array [1, channels, grid, grid], [1, 256, 64, 64] for Meta's\n"
             "models, as segment-anything's demo and ONNX decoder take it.\n"
             "\n"
             "example:\n"
             "  samcl encode --checkpoint sam_vit_b_01ec64.pth --image cat.jpg --out cat.npy",
    .run = run,
};
