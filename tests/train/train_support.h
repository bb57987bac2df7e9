/* train_support.h — a tiny data set and run file, and trainings of it. */
#ifndef SCL_TESTS_TRAIN_SUPPORT_H
#define SCL_TESTS_TRAIN_SUPPORT_H

#include "data_support.h"
#include "train/trainer.h"

#define TINY_IMAGES 7

/* Writes TINY_IMAGES pictures with a bright rectangle each, their masks, and run.yaml, whose keys
 * settings may change; runs go to FOLDER/runs. Leaves the path of the run file. */
const char *tiny_run_file(data_folder *folder);

/* Trains in this process. `stop_at` > 0: stops after that step. `run` (or NULL) gets the folder. */
typedef struct tiny_options {
    const char *file, *resume; /* one of them */
    const char *settings[16];
    size_t setting_count;
    uint64_t stop_at;
    char *run; /* 512 bytes, or NULL */
} tiny_options;

scl_status tiny_train(const tiny_options *options, scl_error *err);

/* All tensors of FOLDER/checkpoints/last.safetensors, bit for bit. */
void assert_same_checkpoint(const char *run_a, const char *run_b);

/* The text of a file with the number after each `"seconds":`, and the last cell of a row, gone. */
void read_without_times(const char *run, const char *name, char *text, size_t size);

#endif
