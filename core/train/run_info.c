#include "train/run_info.h"

#include "base/log.h"
#include "io/json.h"
#include "samcl/samcl.h"

#include <string.h>

static int64_t parameter_values(const scl_model *model)
{
    int64_t values = 0;
    for (size_t i = 0; i < model->catalog->tensor_count; i++)
        if (model->catalog->tensors[i]->kind == SCL_TENSOR_PARAM)
            values += scl_shape_count(model->catalog->tensors[i]->shape);
    return values;
}

static void add_device(cJSON *root, const scl_device_info *info)
{
    cJSON *device = cJSON_AddObjectToObject(root, "device");
    cJSON_AddStringToObject(device, "name", info->name);
    cJSON_AddStringToObject(device, "vendor", info->vendor);
    cJSON_AddStringToObject(device, "platform", info->platform);
    cJSON_AddStringToObject(device, "driver", info->driver);
    cJSON_AddNumberToObject(device, "compute_units", info->compute_units);
    cJSON_AddNumberToObject(device, "memory_bytes", (double)info->memory_bytes);
}

static void add_model(cJSON *root, const scl_train_job *job, int64_t trained_values)
{
    const scl_model *m = job->run.model;
    char hash[SCL_HASH_TEXT];
    cJSON *model = cJSON_AddObjectToObject(root, "model");
    scl_hash128_text(m->base_hash, hash);
    cJSON_AddStringToObject(model, "type", scl_sam_type(&m->config));
    cJSON_AddNumberToObject(model, "image_size", (double)m->config.image_size);
    cJSON_AddNumberToObject(model, "parameters", (double)parameter_values(m));
    cJSON_AddNumberToObject(model, "trained", (double)trained_values);
    cJSON_AddStringToObject(model, "base_hash", hash);
}

scl_status scl_run_info_write(const scl_train_job *job, int64_t trained_values,
                              size_t activation_bytes, scl_error *err)
{
    cJSON *root = cJSON_CreateObject();
    cJSON_AddStringToObject(root, "samcl", scl_version());
    cJSON_AddNumberToObject(root, "seed", (double)job->run.config.seed);
    add_device(root, &job->run.model->device->info);
    add_model(root, job, trained_values);
    cJSON *data = cJSON_AddObjectToObject(root, "data");
    cJSON_AddNumberToObject(data, "train_images", (double)job->train->count);
    cJSON_AddNumberToObject(data, "val_images", job->val != NULL ? (double)job->val->count : 0);
    cJSON_AddNumberToObject(root, "activation_bytes", (double)activation_bytes);
    cJSON_AddNumberToObject(root, "device_peak_bytes", (double)job->run.model->device->bytes_peak);
    cJSON_AddNumberToObject(root, "fallbacks", scl_fallback_count());
    char *text = cJSON_Print(root);
    scl_status status = text == NULL ? scl_out_of_memory(err, 1024, "run.json")
                                     : scl_run_folder_write(&job->folder, "run.json", text, err);
    cJSON_free(text);
    cJSON_Delete(root);
    return status;
}
