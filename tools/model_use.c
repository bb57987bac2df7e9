#include "model_use.h"

#include "config/text.h"
#include "registry.h"

static scl_status read_budget(const cli_args *args, size_t *bytes, scl_error *err)
{
    const char *text = cli_value(args, "--memory-budget");
    int64_t value = 0;
    if (text != NULL && (!scl_text_read_bytes(text, &value) || value <= 0))
        return scl_fail(err, SCL_BAD_CONFIG,
                        "--memory-budget: expected a size such as 2GiB, 512MiB or 100000, found "
                        "\"%s\"",
                        text);
    *bytes = (size_t)value;
    return SCL_OK;
}

scl_status cli_model_load(const cli_args *args, const char *fallback, cli_model *model,
                          scl_error *err)
{
    const scl_tuned_source source = {.checkpoint = cli_value(args, "--checkpoint"),
                                     .adapter = cli_value(args, "--adapter"),
                                     .model_type = cli_value(args, "--model-type")};
    const char *device = cli_value(args, "--device");
    size_t budget = 0;
    SCL_TRY(read_budget(args, &budget, err));
    SCL_TRY(scl_tuned_model_read(&model->tuned, &source, err));
    SCL_TRY(scl_device_open(device != NULL ? device : fallback, &model->device, err));
    model->device->memory_budget = budget;
    return scl_tuned_model_open(&model->tuned, model->device, err);
}

scl_status cli_model_open(const cli_args *args, const char *fallback, cli_model *model,
                          scl_error *err)
{
    SCL_TRY(cli_model_load(args, fallback, model, err));
    return scl_predictor_create(model->tuned.model, model->tuned.used_adaptation, &model->predictor,
                                err);
}

void cli_model_close(cli_model *model)
{
    scl_predictor_free(model->predictor);
    scl_tuned_model_close(&model->tuned);
    scl_device_close(model->device);
    *model = (cli_model){0};
}

scl_image_range cli_model_value_range(const cli_model *model)
{
    return (scl_image_range)model->tuned.config.data.value_range;
}
