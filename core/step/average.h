/* average.h — the mean of a parameter's values over the last steps of a training.
 *
 * Steps with a large learning rate end up around a good place rather than in it; the mean of where
 * they were is nearer (Izmailov et al., Averaging Weights Leads to Wider Optima and Better
 * Generalization, arXiv 1803.05407). Every step of the last ones counts alike. While training, the
 * parameters are the model's, and the means states of the optimizer; for validation and in files
 * they have changed places. */
#ifndef SCL_STEP_AVERAGE_H
#define SCL_STEP_AVERAGE_H

#include "graph/store.h"

#define SCL_AVERAGE_PREFIX "optimizer.average." /* and the parameter's name */

/* How many steps count when `update` of `total` are done and `averaged` of them counted before;
 * share is the run file's train.average_last. 0: none yet. */
int64_t scl_average_count(double share, int64_t update, uint64_t total, int64_t averaged);

/* Parameters and their means change places. SCL_DEVICE when out of memory. */
scl_status scl_average_exchange(scl_store *store, scl_error *err);

#endif
