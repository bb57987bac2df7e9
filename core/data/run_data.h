/* run_data.h — the data sets a run file names: to train on, to validate with, to test on. */
#ifndef SCL_DATA_RUN_DATA_H
#define SCL_DATA_RUN_DATA_H

#include "data/dataset.h"
#include "data/prefix_cache.h"

/* Objects of an image that are judged, for instances: all up to this many. */
#define SCL_EVAL_MAX_OBJECTS 16

/* Settings of the data for judging: all objects of an image. The result borrows from `data`, and
 * must outlive the data sets that are opened with it. */
scl_data_config scl_run_data_eval_config(const scl_data_config *data);

/* Whether the folders to train on and to validate with are there, which is told sooner than what is
 * wrong in them. Errors as scl_folder_list. */
scl_status scl_run_data_check_folders(const scl_run_config *config, scl_error *err);

/* What to train on, and what data.val or data.val_split sets aside (NULL in *val: nothing). Errors
 * as scl_dataset_open. */
scl_status scl_run_data_open(const scl_run_config *config, const scl_data_config *eval_config,
                             scl_data_progress progress, scl_dataset **train, scl_dataset **val,
                             scl_error *err);

typedef enum scl_split_name { SCL_SPLIT_TRAIN, SCL_SPLIT_VAL, SCL_SPLIT_TEST } scl_split_name;

const char *scl_split_text(scl_split_name split);
/* test if the run file has it, else val, else train. */
scl_split_name scl_run_data_default_split(const scl_run_config *config);

/* One of them to be judged on; SCL_BAD_CONFIG when the run file does not have it. */
scl_status scl_run_data_open_split(const scl_run_config *config, const scl_data_config *eval_config,
                                   scl_split_name split, scl_data_progress progress,
                                   scl_dataset **dataset, scl_error *err);

/* The cache of frozen layers that training and evaluating a run share: as `cache` says, in `cache`
 * of output_dir unless it names a folder. Errors as scl_prefix_cache_open. */
scl_status scl_run_data_open_cache(const scl_run_config *config, scl_prefix_cache **cache,
                                   scl_error *err);

#endif
