/* model.h — a SAM on a device: its dimensions and its weights. */
#ifndef SCL_MODEL_MODEL_H
#define SCL_MODEL_MODEL_H

#include "config/run_config.h"
#include "model/checkpoint.h"

typedef struct scl_model {
    scl_device *device;
    scl_sam_config config;
    scl_store *store;
    scl_graph *catalog;    /* every parameter, with the adaptation's once adapted */
    scl_hash128 base_hash; /* of the weights as loaded, and of the dimensions */
    bool from_checkpoint;
} scl_model;

/* A model section with no key given. */
scl_model_config scl_model_config_unset(void);

/* Loads model->checkpoint, or makes random weights of `seed`. The dimensions come from the file or
 * the preset, overridden by the section; `classes` > 0 gives the head for multiclass. `weights`
 * (NULL: load model->checkpoint) is an already loaded file. */
scl_status scl_model_open(scl_device *device, const scl_model_config *section,
                          const scl_weights *weights, int64_t classes, uint64_t seed,
                          scl_model **out, scl_error *err);
void scl_model_free(scl_model *model);

/* Rebuilds the catalog with an adaptation, and gives its new parameters their initial values. */
scl_status scl_model_adapt(scl_model *model, const scl_adaptation *adaptation, scl_error *err);

#endif
