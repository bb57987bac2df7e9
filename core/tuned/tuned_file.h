/* tuned_file.h — the file a training leaves: what it changed, or the whole model, and how.
 *
 * One safetensors file. It holds the trained parameters and the adapter's own, under Meta's names;
 * the whole model when there was no base checkpoint to take the rest from, or when nothing of it
 * was left as it was. A file to go on from also holds the optimizer's state ("optimizer.m.NAME",
 * "optimizer.v.NAME"), and where NAME is a mean, the weight itself ("optimizer.average.NAME", see
 * step/average.h). Metadata:
 *
 *   samcl.run_config     the resolved run file: the adapter and its parameters, classes, data
 *   samcl.config         dimensions of the model, JSON
 *   samcl.base_hash      hash of the base's weights and dimensions
 *   samcl.contains_base  "true" or "false"
 *   samcl.state          scl_train_state as JSON */
#ifndef SCL_TUNED_TUNED_FILE_H
#define SCL_TUNED_TUNED_FILE_H

#include "config/run_config.h"
#include "model/model.h"
#include "tuned/adapter_layout.h"
#include "tuned/train_state.h"

#define SCL_RUN_CONFIG_KEY "samcl.run_config"

typedef enum scl_tuned_content {
    SCL_TUNED_WEIGHTS,
    SCL_TUNED_WEIGHTS_AND_OPTIMIZER
} scl_tuned_content;

/* The metadata of such a file, for those who write one themselves. Zero-initialise; free with
 * scl_tuned_metadata_free, also when making it failed. */
typedef struct scl_tuned_metadata {
    scl_weights_pair pairs[6];
    size_t count;
    char hash[SCL_HASH_TEXT];
    char *dims, *state; /* private, as is the last */
    scl_str run;
} scl_tuned_metadata;

scl_status scl_tuned_metadata_make(scl_tuned_metadata *metadata, const scl_model *model,
                                   const scl_run_config *config, const scl_train_state *state,
                                   bool contains_base, scl_error *err);
void scl_tuned_metadata_free(scl_tuned_metadata *metadata);

/* Replaces the file at `path` when all is on disk. SCL_FAILED when it cannot be written. */
scl_status scl_tuned_file_save(const char *path, const scl_model *model,
                               const scl_run_config *config, const scl_train_state *state,
                               scl_tuned_content content, scl_error *err);

typedef struct scl_tuned_about {
    scl_adapter_layout layout;
    const char *run_config;  /* borrowed from the weights, as all below */
    const char *settings[2]; /* over the run file: what a foreign layout itself says */
    size_t setting_count;
    const char *base;         /* what a foreign file names as its base; NULL: nothing */
    scl_weight position_code; /* of a foreign file, see scl_foreign_adapter */
    bool has_run;             /* `run_config` is that of a training, which names the base */
    bool contains_base;
    bool has_optimizer;
    char base_hash[SCL_HASH_TEXT]; /* "": not known */
    scl_train_state state;
} scl_tuned_about;

/* scl_weights_load, that also takes a run's folder for its best tuned file, else its last one,
 * which is logged. A folder with config.json is Hugging Face's. */
scl_status scl_tuned_weights_load(const char *path, scl_weights *weights, scl_error *err);

/* Whether a loaded file is a tuned one, or an adapter of another layout. */
bool scl_tuned_file_is(const scl_weights *weights);
/* Reads the metadata; SCL_BAD_DATA when it is incomplete. An adapter of another layout is read as
 * ours: its tensors get our names. */
scl_status scl_tuned_file_about(scl_weights *weights, scl_tuned_about *about, scl_error *err);

/* Puts the optimizer's state into the store. */
scl_status scl_tuned_file_load_optimizer(const scl_weights *weights, scl_store *store,
                                         scl_error *err);

#endif
