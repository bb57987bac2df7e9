/* checkpoint_config.h — the dimensions of the model in a checkpoint, read from the file itself. */
#ifndef SCL_MODEL_CHECKPOINT_CONFIG_H
#define SCL_MODEL_CHECKPOINT_CONFIG_H

#include "io/weights.h"
#include "model/sam_config.h"

/* The key of a safetensors file's metadata that holds our dimensions as JSON. */
#define SCL_CONFIG_KEY "samcl.config"

bool scl_weights_are_hf(const scl_weights *weights);

/* From our metadata, a Hugging Face config.json, or the shapes of the tensors; `type` (a preset, or
 * NULL) gives what shapes can't say, such as the decoder's heads. BAD_DATA when it is no ViT SAM.
 */
scl_status scl_sam_config_from_weights(const scl_weights *weights, const char *type,
                                       scl_sam_config *config, scl_error *err);

/* As JSON text for SCL_CONFIG_KEY; free with scl_free. NULL when out of memory. */
char *scl_sam_config_to_json(const scl_sam_config *config);
scl_status scl_sam_config_from_json(const char *json, const char *where, scl_sam_config *config,
                                    scl_error *err);
/* A Hugging Face config.json (SamConfig of transformers). */
char *scl_sam_config_to_hf(const scl_sam_config *config);

#endif
