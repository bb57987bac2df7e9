/* comparison.h — the base model and the tuned one on the same images with the same prompts. */
#ifndef SCL_EVAL_COMPARISON_H
#define SCL_EVAL_COMPARISON_H

#include "base/str.h"
#include "eval/evaluator.h"
#include "tuned/tuned_model.h"

#define SCL_COMPARISON_MAX 2

typedef struct scl_compared {
    const char *title; /* "base", "tuned"; static storage */
    scl_scores scores;
    double seconds;
} scl_compared;

/* Zero-initialise; free with scl_comparison_free. */
typedef struct scl_comparison {
    scl_compared models[SCL_COMPARISON_MAX]; /* the base first, if there is one */
    size_t count;
    size_t images;
    const char *split; /* static storage */
} scl_comparison;

typedef struct scl_comparison_options {
    scl_tuned_model *tuned; /* open on `device` */
    scl_device *device;
    const scl_dataset *dataset;
    const char *split;
    scl_prefix_cache *cache; /* or NULL */
    size_t samples;          /* images in the picture */
    const char *picture;     /* PNG path; NULL: none */
    void *user;
    bool (*progress)(void *user, const char *title, size_t done, size_t total); /* or NULL */
} scl_comparison_options;

/* Scores of the base (when the tuned file has one) and of the tuned model. */
scl_status scl_comparison_run(const scl_comparison_options *options, scl_comparison *comparison,
                              scl_error *err);
void scl_comparison_free(scl_comparison *comparison);

/* A table for people, with a line per metric. */
void scl_comparison_table(const scl_comparison *comparison, const scl_run_config *config,
                          scl_str *out);
/* The same as JSON. NULL when out of memory; free with cJSON_free. */
char *scl_comparison_json(const scl_comparison *comparison);

#endif
