/* train_state.h — where a training stands, so that it goes on exactly there. */
#ifndef SCL_TUNED_TRAIN_STATE_H
#define SCL_TUNED_TRAIN_STATE_H

#include "base/status.h"

#include <stdint.h>

typedef struct scl_train_state {
    int64_t epoch, batch; /* of the next batch; batch 0 between epochs */
    int64_t update;       /* optimizer steps done */
    int64_t averaged;   /* of them, those that the file's weights are the mean of; 0: no mean yet */
    int64_t best_epoch; /* -1: none yet */
    double best_metric; /* NaN: none yet */
    int64_t stale_epochs;  /* since the best one */
    double epoch_loss;     /* summed over the steps of the epoch so far */
    int64_t epoch_steps;   /* of the epoch so far */
    double seconds;        /* trained so far */
    int64_t metric_lines;  /* of metrics.jsonl that belong to the steps done */
    int64_t results_lines; /* of results.csv, its head included */
} scl_train_state;

scl_train_state scl_train_state_start(void);

/* JSON text; free with scl_free, NULL when out of memory. Numbers read back bit for bit. */
char *scl_train_state_to_json(const scl_train_state *state);
/* SCL_BAD_DATA with `where` when it is not what the above writes. */
scl_status scl_train_state_from_json(const char *json, const char *where, scl_train_state *state,
                                     scl_error *err);

#endif
