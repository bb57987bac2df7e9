/* bench.h — pieces of work whose time is measured: single ops, parts of a model, training steps.
 *
 * A case is a row of a table of its family (cases_*.c). It is built as training and prediction
 * build it: graph, plan, schedule, with random weights unless a checkpoint is given. A sample is
 * the wall time from handing the work over until the device has finished it. */
#ifndef SCL_BENCH_BENCH_H
#define SCL_BENCH_BENCH_H

#include "graph/ceiling.h"

typedef struct scl_bench_options {
    const char *model_type;      /* a preset; NULL: vit_b, or what the checkpoint is */
    const char *checkpoint;      /* NULL: random weights */
    int64_t image_size;          /* 0: the model's */
    int64_t batch;               /* images; 0: 1, or what a case names */
    int64_t repeat;              /* samples at least */
    double min_seconds;          /* samples are taken until they last so long together */
    const char *const *settings; /* key=value over the run file of training steps */
    size_t setting_count;
} scl_bench_options;

typedef struct scl_bench_case scl_bench_case;
typedef struct scl_bench_setup scl_bench_setup;

/* One sample's work, ready to run. */
typedef struct scl_bench_work {
    char shape[64];      /* for people: "4096 x 2304 x 768" */
    double flops, bytes; /* of a run: products, and what its ops read and write, each once */
    size_t trained;      /* parameters that it trains, 0: none */
    void *state;
    scl_status (*run)(void *state, scl_error *err); /* waits for the device */
    /* Writes what it computes from and what came out, as safetensors. */
    scl_status (*save)(void *state, const char *path, scl_error *err);
    void (*free)(void *state);
} scl_bench_work;

struct scl_bench_case {
    const char *name; /* "gemm/qkv/nt" */
    const char *summary;
    scl_status (*open)(const scl_bench_setup *setup, const void *what, scl_bench_work *work,
                       scl_error *err);
    const void *what; /* of the family's own type */
};

/* All cases in order. */
#define SCL_BENCH_MAX_CASES 256
size_t scl_bench_case_count(void);
const scl_bench_case *scl_bench_case_at(size_t index);
/* Whether the case has this name, is in this group ("gemm", "gemm/qkv") or matches the glob. */
bool scl_bench_case_matches(const scl_bench_case *c, const char *pattern);
/* SCL_BAD_CONFIG, with the nearest name, when no case matches. */
scl_status scl_bench_check_pattern(const char *pattern, scl_error *err);

/* SCL_BAD_CONFIG or SCL_BAD_DATA when the options make no model. Needs no device. */
scl_status scl_bench_check_options(const scl_bench_options *options, scl_error *err);

/* Builds the case's work; free it with scl_bench_close, also after an error. */
scl_status scl_bench_open(const scl_bench_case *c, const scl_bench_options *options,
                          scl_device *device, scl_bench_work *work, scl_error *err);
void scl_bench_close(scl_bench_work *work);

/* Runs it once; `seconds` is how long that took. */
scl_status scl_bench_sample(scl_bench_work *work, double *seconds, scl_error *err);

/* What is known of a device before anything is measured. Holds no pointers, as the result. */
typedef struct scl_bench_device {
    scl_device_info info;
    scl_hash128 identity;
    scl_ceiling ceiling; /* the scale of all results */
} scl_bench_device;

scl_status scl_bench_device_measure(scl_device *device, scl_bench_device *out, scl_error *err);

#define SCL_BENCH_MAX_SAMPLES 1000

/* Holds no pointers, so that a process may hand it to another. */
typedef struct scl_bench_result {
    char shape[64];
    double flops, bytes;
    size_t trained;
    double open_seconds;                   /* building: plan, buffers, weights, kernels */
    double first_seconds;                  /* the first run, which is no sample: it warms up */
    double samples[SCL_BENCH_MAX_SAMPLES]; /* seconds */
    size_t count;
    bool traced;         /* the device had a profile, which takes some time, too */
    size_t device_peak;  /* most bytes in buffers of the device at once */
    size_t process_peak; /* most memory of the process so far; 0: not known */
} scl_bench_result;

/* Opens the case as scl_bench_open does and runs it once. */
scl_status scl_bench_start(const scl_bench_case *c, const scl_bench_options *options,
                           scl_device *device, scl_bench_work *work, scl_bench_result *result,
                           scl_error *err);
/* Then takes the samples. */
scl_status scl_bench_take_samples(scl_bench_work *work, const scl_bench_options *options,
                                  const scl_device *device, scl_bench_result *result,
                                  scl_error *err);

/* Most memory (resident) that this process had so far; 0 where the system does not say. */
size_t scl_bench_process_peak(void);

#endif
