#include "model_use.h"

#include "registry.h"

scl_status cli_model_open(const cli_args *args, const char *fallback, cli_model *model,
                          scl_error *err)
{
    const scl_tuned_source source = {.checkpoint = cli_value(args, "--checkpoint"),
                                     .adapter = cli_value(args, "--adapter"),
                                     .model_type = cli_value(args, "--model-type")};
    const char *device = cli_value(args, "--device");
    SCL_TRY(scl_tuned_model_read(&model->tuned, &source, err));
    SCL_TRY(scl_device_open(device != NULL ? device : fallback, &model->device, err));
    SCL_TRY(scl_tuned_model_open(&model->tuned, model->device, err));
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
