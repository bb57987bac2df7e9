/* optimizer.h — the nodes that update trained parameters: norm, clipping, and a rule per parameter.
 */
#ifndef SCL_STEP_OPTIMIZER_H
#define SCL_STEP_OPTIMIZER_H

#include "config/run_config.h"
#include "graph/ops.h"

/* Names of the optimizer's states; see average.h for more. */
#define SCL_OPTIMIZER_PREFIX "optimizer."
#define SCL_MOMENT1_PREFIX   SCL_OPTIMIZER_PREFIX "m."
#define SCL_MOMENT2_PREFIX   SCL_OPTIMIZER_PREFIX "v."

typedef struct scl_optimizer_nodes {
    scl_tensor *hyper;     /* input [4]: see scl_optimizer_hyper */
    scl_tensor *grad_norm; /* [1], before clipping */
} scl_optimizer_nodes;

/* One gradient per trained parameter of `params` (entries without one are left out). The first node
 * added computes grad_norm. With train.average_last the means of the new values come last. */
scl_status scl_optimizer_build(scl_graph *g, const scl_train_config *train,
                               scl_tensor *const *params, scl_tensor *const *grads, size_t count,
                               scl_optimizer_nodes *out, scl_error *err);

/* The values of `hyper` for update number `t` (from 1): {lr factor, 1 - beta1^t,
 * sqrt(1 - beta2^t), share of the new values in their means}. */
void scl_optimizer_hyper(const scl_optimizer_config *o, double lr_factor, double average_rate,
                         uint64_t t, float hyper[4]);

/* The learning rate of a parameter at factor 1, and its weight decay. */
void scl_optimizer_settings(const scl_train_config *train, const char *parameter, double *lr,
                            double *weight_decay);

#endif
