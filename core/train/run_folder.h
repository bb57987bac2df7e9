/* run_folder.h — the folder of one training run: what is in it, and that it is never overwritten.
 *
 *   config.yaml           the run file as it was given
 *   config.resolved.yaml  every key with its value; `--resume` reads this one
 *   run.json              program, device, driver, seed, sizes
 *   train.log             every message
 *   metrics.jsonl         one JSON object per optimizer step
 *   results.csv           one row per epoch
 *   checkpoints/          last.safetensors, and best.safetensors when there is validation data
 *   plots/curves.png      loss, learning rate and metric so far
 *   samples/              pictures of predictions, a sheet per epoch */
#ifndef SCL_TRAIN_RUN_FOLDER_H
#define SCL_TRAIN_RUN_FOLDER_H

#include "base/status.h"

#include <stdio.h>

typedef struct scl_run_folder {
    char *path; /* without a slash at the end */
    FILE *metrics, *log;
} scl_run_folder;

/* Makes output_dir/name, or name-2, name-3, … when it is taken. */
scl_status scl_run_folder_create(const char *output_dir, const char *name, scl_run_folder *folder,
                                 scl_error *err);
/* Opens an existing one to go on. */
scl_status scl_run_folder_open(const char *path, scl_run_folder *folder, scl_error *err);
/* Accepts a zeroed struct. */
void scl_run_folder_close(scl_run_folder *folder);

/* "<folder>/<name>"; free with scl_free, NULL when out of memory. */
char *scl_run_folder_file(const scl_run_folder *folder, const char *name);

/* Writes a whole file of the folder, or reports SCL_FAILED. */
scl_status scl_run_folder_write(const scl_run_folder *folder, const char *name, const char *text,
                                scl_error *err);

/* Appends a line to metrics.jsonl; flushed, so that a killed run leaves whole lines. */
scl_status scl_run_folder_metric(scl_run_folder *folder, const char *line, scl_error *err);

/* Appends a line to another file of the folder. */
scl_status scl_run_folder_append(const scl_run_folder *folder, const char *name, const char *line,
                                 scl_error *err);

/* Drops what stands in a file after the first `lines` lines: that which a resumed run repeats. */
scl_status scl_run_folder_rewind(const scl_run_folder *folder, const char *name, size_t lines,
                                 scl_error *err);

#endif
