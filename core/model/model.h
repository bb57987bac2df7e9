/* model.h — a SAM on a device: its dimensions and its weights. */
#ifndef SCL_MODEL_MODEL_H
#define SCL_MODEL_MODEL_H

#include "config/run_config.h"
#include "model/checkpoint.h"

typedef struct scl_model {
    scl_device *device;
    scl_sam_config config;
    scl_store *store;
    scl_graph *catalog;    /* every parameter, the adaptation's own too */
    scl_hash128 base_hash; /* of the weights as loaded, without the adaptation's, and dimensions */
    bool from_checkpoint;
} scl_model;

/* A model section with no key given. */
scl_model_config scl_model_config_unset(void);

/* The dimensions of a model, as scl_model_open finds them; `weights` NULL: random ones. Needs no
 * device. */
scl_status scl_model_find_config(const scl_model_config *section, const scl_weights *weights,
                                 int64_t classes, scl_sam_config *config, scl_error *err);

/* The dimensions as a training sees them: with the run file's train.image_size, if given.
 * SCL_BAD_CONFIG, with its place, when that is no multiple of the patch size. */
scl_status scl_model_training_config(const scl_sam_config *config, const scl_run_config *run,
                                     scl_sam_config *out, scl_error *err);

typedef struct scl_model_source {
    const scl_model_config *section;  /* its checkpoint is loaded unless `weights` is given */
    const scl_weights *weights;       /* an already loaded file, or NULL */
    int64_t classes;                  /* > 0: the head for multiclass; 0: as the file has it */
    uint64_t seed;                    /* of weights that no file gives */
    const scl_adaptation *adaptation; /* NULL: the model as it is */
    bool without_values; /* names and shapes are checked, and all values are left at zero */
} scl_model_source;

/* The dimensions come from the file or the preset, overridden by the section. Parameters of the
 * adaptation's own get their initial values. */
scl_status scl_model_open(scl_device *device, const scl_model_source *source, scl_model **out,
                          scl_error *err);
void scl_model_free(scl_model *model);

#endif
