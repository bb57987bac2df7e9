#include "data/run_data.h"

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"

#include <string.h>

scl_data_config scl_run_data_eval_config(const scl_data_config *data)
{
    scl_data_config config = *data;
    if (config.task == SCL_TASK_INSTANCES)
        config.objects_per_image = SCL_EVAL_MAX_OBJECTS;
    return config;
}

static scl_status check_folder(const scl_run_config *config, const char *folder, const char *key,
                               scl_error *err)
{
    scl_folder listing;
    if (scl_folder_list(folder, &listing, err) != SCL_OK)
        return scl_run_config_blame(config, key, err);
    scl_folder_free(&listing);
    return SCL_OK;
}

scl_status scl_run_data_check_folders(const scl_run_config *config, scl_error *err)
{
    const scl_data_config *data = &config->data;
    SCL_TRY(check_folder(config, data->train.images, "data.train.images", err));
    SCL_TRY(check_folder(config, data->train.masks, "data.train.masks", err));
    if (!data->val.given)
        return SCL_OK;
    SCL_TRY(check_folder(config, data->val.images, "data.val.images", err));
    return check_folder(config, data->val.masks, "data.val.masks", err);
}

scl_status scl_run_data_open(const scl_run_config *config, const scl_data_config *eval_config,
                             scl_data_progress progress, scl_dataset **train, scl_dataset **val,
                             scl_error *err)
{
    const scl_data_config *data = &config->data;
    *train = *val = NULL;
    SCL_TRY(scl_dataset_open(data, &data->train, "train", progress, train, err));
    if (data->val.given)
        return scl_dataset_open(eval_config, &data->val, "val", progress, val, err);
    if (!(data->val_split > 0))
        return SCL_OK;
    scl_dataset *all = *train;
    *train = NULL;
    scl_status status =
        scl_dataset_split(all, data->val_split, (uint64_t)config->seed, train, val, err);
    scl_dataset_free(all);
    SCL_TRY(status);
    (*val)->config = eval_config;
    scl_log(SCL_LOG_INFO, "%zu images to train on, %zu set aside to validate with", (*train)->count,
            (*val)->count);
    return SCL_OK;
}

const char *scl_split_text(scl_split_name split)
{
    static const char *const names[] = {
        [SCL_SPLIT_TRAIN] = "train", [SCL_SPLIT_VAL] = "val", [SCL_SPLIT_TEST] = "test"};
    return names[split];
}

scl_split_name scl_run_data_default_split(const scl_run_config *config)
{
    const scl_data_config *data = &config->data;
    bool validates = data->val.given || data->val_split > 0;
    return data->test.given ? SCL_SPLIT_TEST : validates ? SCL_SPLIT_VAL : SCL_SPLIT_TRAIN;
}

static scl_status absent(const scl_run_config *config, scl_split_name split, scl_error *err)
{
    const char *name = scl_split_text(split);
    return scl_fail(err, SCL_BAD_CONFIG,
                    "%s has no data.%s to evaluate on: set data.%s.images and data.%s.masks",
                    config->path, name, name, name);
}

scl_status scl_run_data_open_split(const scl_run_config *config, const scl_data_config *eval_config,
                                   scl_split_name split, scl_data_progress progress,
                                   scl_dataset **dataset, scl_error *err)
{
    const scl_data_config *data = &config->data;
    const scl_data_folders *folders = split == SCL_SPLIT_TEST  ? &data->test
                                      : split == SCL_SPLIT_VAL ? &data->val
                                                               : &data->train;
    const char *name = scl_split_text(split);
    *dataset = NULL;
    /* what training sees is not all of data.train when some of it is set aside */
    bool is_split = !data->val.given && data->val_split > 0 && split != SCL_SPLIT_TEST;
    if (!is_split)
        return folders->given ? scl_dataset_open(eval_config, folders, name, progress, dataset, err)
                              : absent(config, split, err);
    scl_dataset *train, *val;
    scl_status status = scl_run_data_open(config, eval_config, progress, &train, &val, err);
    if (status == SCL_OK) {
        *dataset = split == SCL_SPLIT_VAL ? val : train;
        (*dataset)->config = eval_config;
    }
    if (*dataset != train)
        scl_dataset_free(train);
    if (*dataset != val)
        scl_dataset_free(val);
    return status;
}

scl_status scl_run_data_open_cache(const scl_run_config *config, scl_prefix_cache **cache,
                                   scl_error *err)
{
    const scl_cache_config *c = &config->cache;
    char *folder =
        c->folder != NULL ? scl_strdup(c->folder) : scl_path_join(config->output_dir, "cache");
    if (folder == NULL)
        return scl_out_of_memory(err, strlen(config->output_dir), "a path");
    scl_status status = scl_prefix_cache_open((uint64_t)c->memory, (uint64_t)c->disk,
                                              c->disk > 0 ? folder : NULL, cache, err);
    scl_free(folder);
    return status;
}
