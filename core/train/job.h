/* job.h — everything a training needs, opened in the order in which mistakes are cheapest to find:
 * run file, plugins, folders of the data, model, each image and mask, and only then the run's
 * folder. */
#ifndef SCL_TRAIN_JOB_H
#define SCL_TRAIN_JOB_H

#include "data/dataset.h"
#include "data/prefix_cache.h"
#include "train/run_folder.h"
#include "tuned/tuned_model.h"

/* Zero-initialise; must not move between reading and closing. */
typedef struct scl_train_job {
    scl_tuned_model run; /* run file, plugins, model */
    scl_sam_config seen; /* the model's dimensions with images as training sees them */
    scl_data_config eval_data;
    scl_dataset *train, *val; /* val NULL: none */
    scl_prefix_cache *cache;
    scl_run_folder folder;
    scl_train_state state;
    bool resumed;
} scl_train_job;

/* Reads a run file and opens its plugins: all mistakes in one SCL_BAD_CONFIG. */
scl_status scl_train_job_read(scl_train_job *job, const char *path, const char *const *settings,
                              size_t setting_count, scl_error *err);
/* Reads a run's folder instead, to go on where its last checkpoint stands. */
scl_status scl_train_job_resume(scl_train_job *job, const char *folder, const char *const *settings,
                                size_t setting_count, scl_error *err);

/* Opens model, data and cache on the device. */
scl_status scl_train_job_open(scl_train_job *job, scl_device *device, scl_data_progress progress,
                              scl_error *err);

/* Makes the run's folder, or rewinds the resumed one to its last checkpoint. */
scl_status scl_train_job_open_folder(scl_train_job *job, scl_error *err);

/* Keeps the folder. */
void scl_train_job_close(scl_train_job *job);

#endif
