/* step_graph.h — one step as a graph: the model on a batch, its losses, and for training also the
 * gradients and the optimizer. */
#ifndef SCL_STEP_STEP_GRAPH_H
#define SCL_STEP_STEP_GRAPH_H

#include "data/batch.h"
#include "model/model.h"
#include "plugin/losses.h"
#include "step/optimizer.h"

typedef struct scl_step_options {
    scl_model *model;
    const scl_adaptation *adaptation;
    const scl_run_plugins *plugins; /* whose losses are computed; NULL: none */
    const scl_train_config *train;  /* NULL: forward only */
    scl_batch_layout layout;
    scl_task task;
    uint64_t seed; /* of the random values of batches */
    bool training; /* there are random values; with `train` in any case */
} scl_step_options;

typedef struct scl_step_graph {
    scl_graph *graph;
    /* Inputs in the layouts of scl_batch; NULL where the batch has none. */
    scl_tensor *image, *coords, *labels, *token_count, *mask, *has_mask;
    scl_tensor *target, *classes, *weight, *mask_weight;
    scl_tensor *random_key;   /* int32 [2], new for each batch; NULL: there are no random values */
    scl_tensor *embedding;    /* what the image encoder made */
    scl_tensor *logits;       /* [M, 1, ms, ms], with classes [B, C, ms, ms]; kept */
    scl_tensor *iou;          /* [M, 1], NULL with classes; kept */
    scl_losses losses;        /* kept */
    scl_tensor **accumulated; /* states that sum gradients over a window; NULL when it is 1 batch */
    size_t trained_count;
    int64_t trained_values; /* parameters in them */
    scl_optimizer_nodes optimizer;
    int32_t backward_begin;       /* nodes with this id or a higher one are no forward pass */
    const scl_node *first_update; /* it and all nodes after it run once per window; NULL: none */
} scl_step_graph;

/* The graph is the caller's, also on error (it may be NULL). */
scl_status scl_step_graph_build(const scl_step_options *options, scl_step_graph *out,
                                scl_error *err);

#endif
