/* muon.h — Muon: a matrix moves along the semi-orthogonal matrix nearest to its momentum, so that
 * every direction of its space is learned at the same rate.
 *
 * K. Jordan et al., https://kellerjordan.github.io/posts/muon (2024); torch.optim.Muon with
 * nesterov and adjust_lr_fn="match_rms_adamw" (J. Liu et al., arXiv 2502.16982): an update has the
 * root mean square of one of AdamW's, so that both go by one learning rate. In float32 throughout,
 * where PyTorch rounds to bfloat16. */
#ifndef SCL_STEP_MUON_H
#define SCL_STEP_MUON_H

#include "graph/ops.h"

/* A trained matrix [rows, columns], what it moves by and how. */
typedef struct scl_muon_matrix {
    scl_tensor *param, *grad; /* the gradient after clipping */
    scl_tensor *momentum;     /* STATE of the same shape */
    scl_optimizer_attr attr;  /* lr_scale, weight_decay, momentum */
} scl_muon_matrix;

/* Whether Muon is meant for this parameter: a matrix that multiplies activations. Tables of tokens
 * or relative positions, convolutions, biases and norms are not. */
bool scl_muon_applies(const scl_graph *g, const scl_tensor *param);

/* Adds the updates of all matrices, those of one shape as a batch. hyper[0] is the lr factor.
 * Reorders `matrices`. */
void scl_muon_update(scl_graph *g, scl_muon_matrix *matrices, size_t count, scl_tensor *hyper);

#endif
