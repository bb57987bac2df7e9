/* run_info.h — run.json: with what, on what and from what a run was made. */
#ifndef SCL_TRAIN_RUN_INFO_H
#define SCL_TRAIN_RUN_INFO_H

#include "train/job.h"

/* Of an open job whose folder stands, with the most memory that the device held so far. SCL_FAILED
 * when it cannot be written. */
scl_status scl_run_info_write(const scl_train_job *job, int64_t trained_values,
                              size_t activation_bytes, scl_error *err);

#endif
