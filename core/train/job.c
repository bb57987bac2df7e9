#include "train/job.h"

#include "base/str.h"
#include "data/run_data.h"
#include "step/average.h"
#include "train/results.h"
#include "tuned/start.h"

#include <string.h>

scl_status scl_train_job_read(scl_train_job *job, const char *path, const char *const *settings,
                              size_t setting_count, scl_error *err)
{
    scl_tuned_model *run = &job->run;
    job->state = scl_train_state_start();
    scl_run_config_load(&run->config, path, settings, setting_count);
    SCL_TRY(scl_run_plugins_open(&run->config, &run->plugins, err));
    run->adaptation = scl_run_plugins_adaptation(&run->plugins);
    run->used_adaptation = &run->adaptation;
    return SCL_OK;
}

scl_status scl_train_job_resume(scl_train_job *job, const char *folder, const char *const *settings,
                                size_t setting_count, scl_error *err)
{
    char *path = scl_path_join(folder, "checkpoints/last.safetensors");
    if (path == NULL)
        return scl_out_of_memory(err, strlen(folder), "a path");
    scl_tuned_source source = {.checkpoint = path,
                               .settings = settings,
                               .setting_count = setting_count,
                               .with_losses = true};
    scl_status status = SCL_OK;
    if (!scl_path_exists(path))
        status = scl_fail(err, SCL_BAD_CONFIG,
                          "%s: expected the folder of a run that samcl train made, found no "
                          "checkpoints/last.safetensors in it",
                          folder);
    if (status == SCL_OK)
        status = scl_tuned_model_read(&job->run, &source, err);
    if (status == SCL_OK && job->run.used_adaptation == NULL)
        status = scl_fail(err, SCL_BAD_DATA, "%s: expected a file of samcl train", path);
    scl_free(path);
    SCL_TRY(status);
    job->resumed = true;
    job->state = job->run.about.state;
    return scl_run_folder_open(folder, &job->folder, err);
}

/* ---- opening */

static scl_status open_model(scl_train_job *job, scl_device *device, scl_error *err)
{
    scl_tuned_model *run = &job->run;
    if (job->resumed) {
        SCL_TRY(scl_tuned_model_open(run, device, err));
        SCL_TRY(scl_tuned_file_load_optimizer(&run->weights, run->model->store, err));
        return job->state.averaged > 0 ? scl_average_exchange(run->model->store, err) : SCL_OK;
    }
    bool classes = run->config.data.task == SCL_TASK_MULTICLASS;
    scl_model_source source = {.section = &run->config.model,
                               .classes = classes ? run->config.data.classes : 0,
                               .seed = (uint64_t)run->config.seed,
                               .adaptation = &run->adaptation};
    if (scl_model_open(device, &source, &run->model, err) != SCL_OK)
        return run->config.model.checkpoint != NULL && err->status == SCL_BAD_DATA
                   ? scl_run_config_blame(&run->config, "model.checkpoint", err)
                   : err->status;
    SCL_TRY(scl_run_plugins_check_model(&run->plugins, run->model->catalog, err));
    return scl_tuned_start(&run->plugins, run->model, err);
}

/* The run file as it was given, comments and all. */
static scl_status copy_run_file(const scl_train_job *job, scl_error *err)
{
    scl_file_map file;
    scl_str text = {0};
    SCL_TRY(scl_file_map_open(job->run.config.path, &file, err));
    scl_str_add_bytes(&text, (const char *)file.data, file.size);
    scl_file_unmap(&file);
    scl_status status =
        text.failed ? scl_out_of_memory(err, file.size, "the run file")
                    : scl_run_folder_write(&job->folder, "config.yaml", scl_str_text(&text), err);
    scl_str_free(&text);
    return status;
}

static scl_status write_resolved(const scl_train_job *job, scl_error *err)
{
    scl_str text = {0};
    scl_status status = scl_run_config_resolved(&job->run.config, &text, err);
    if (status == SCL_OK)
        status =
            scl_run_folder_write(&job->folder, "config.resolved.yaml", scl_str_text(&text), err);
    scl_str_free(&text);
    return status;
}

scl_status scl_train_job_open_folder(scl_train_job *job, scl_error *err)
{
    const scl_run_config *config = &job->run.config;
    if (job->resumed) {
        SCL_TRY(scl_run_folder_rewind(&job->folder, "metrics.jsonl",
                                      (size_t)job->state.metric_lines, err));
        SCL_TRY(scl_run_folder_rewind(&job->folder, SCL_RESULTS_NAME,
                                      (size_t)job->state.results_lines, err));
    } else {
        SCL_TRY(scl_run_folder_create(config->output_dir, config->name, &job->folder, err));
        SCL_TRY(copy_run_file(job, err));
        SCL_TRY(scl_results_start(&job->folder, err));
        job->state.results_lines = 1;
    }
    return write_resolved(job, err);
}

scl_status scl_train_job_open(scl_train_job *job, scl_device *device, scl_data_progress progress,
                              scl_error *err)
{
    job->eval_data = scl_run_data_eval_config(&job->run.config.data);
    SCL_TRY(scl_run_data_check_folders(&job->run.config, err));
    SCL_TRY(open_model(job, device, err));
    SCL_TRY(scl_model_training_config(&job->run.model->config, &job->run.config, &job->seen, err));
    SCL_TRY(scl_run_data_open(&job->run.config, &job->eval_data, progress, &job->train, &job->val,
                              err));
    return scl_run_data_open_cache(&job->run.config, &job->cache, err);
}

void scl_train_job_close(scl_train_job *job)
{
    scl_run_folder_close(&job->folder);
    scl_prefix_cache_close(job->cache);
    scl_dataset_free(job->train);
    scl_dataset_free(job->val);
    scl_tuned_model_close(&job->run);
    *job = (scl_train_job){0};
}
