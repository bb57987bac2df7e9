/* tuned_model.h — a model to use: a checkpoint, a tuned file, or a tuned file over its base.
 *
 * First the files are read, which needs no device; then the model is opened on one. */
#ifndef SCL_TUNED_TUNED_MODEL_H
#define SCL_TUNED_TUNED_MODEL_H

#include "plugin/adaptation.h"
#include "tuned/tuned_file.h"

typedef struct scl_tuned_source {
    const char *checkpoint; /* a base, or a tuned file; NULL: the base `adapter` was trained on */
    const char *adapter;    /* a tuned file, or an adapter of another layout, or NULL */
    const char *run_file;   /* takes the place of the run file in `adapter`, but for what is adapted
                               and trained; or NULL */
    const char *model_type; /* a preset, where the file does not say it; or NULL */
    const char *const *settings; /* key=value over the run file */
    size_t setting_count;
    bool with_losses; /* open the loss plugins too: for training and evaluation */
} scl_tuned_source;

/* Zero-initialise; must not move between reading and closing. */
typedef struct scl_tuned_model {
    scl_weights weights; /* the tuned file; count 0: none */
    scl_tuned_about about;
    scl_run_config config;   /* of the tuned file; without one only `model` is set */
    scl_run_plugins plugins; /* open when there is a tuned file */
    scl_adaptation adaptation;
    const scl_adaptation *used_adaptation; /* &adaptation, or NULL for a checkpoint as it is */
    scl_model *model;
} scl_tuned_model;

/* SCL_BAD_CONFIG when the arguments do not fit together, SCL_BAD_DATA for unusable files,
 * SCL_PLUGIN when the adapter's plugin is missing. Whatever it returns, close it. */
scl_status scl_tuned_model_read(scl_tuned_model *tuned, const scl_tuned_source *source,
                                scl_error *err);

/* SCL_BAD_DATA when the base is not the one the file was trained on, or tensors do not fit. */
scl_status scl_tuned_model_open(scl_tuned_model *tuned, scl_device *device, scl_error *err);

/* The base alone, without what was trained; the caller frees it. NULL in *base when the file was
 * trained from random weights or holds a whole model. */
scl_status scl_tuned_model_open_base(const scl_tuned_model *tuned, scl_device *device,
                                     scl_model **base, scl_error *err);

void scl_tuned_model_close(scl_tuned_model *tuned);

#endif
