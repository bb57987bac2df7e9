/* checkpoint_names.h — parameter names: Meta's, which we use, and Hugging Face's. */
#ifndef SCL_MODEL_CHECKPOINT_NAMES_H
#define SCL_MODEL_CHECKPOINT_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#define SCL_NAME_MAX 256

/* The other layout's name of one parameter. Names that are the same in both are copied. `out` has
 * SCL_NAME_MAX bytes; longer names are cut. */
void scl_name_to_hf(const char *meta, char *out);
void scl_name_to_meta(const char *hf, char *out);

/* Hugging Face files may hold the position code's matrix under this name too. */
extern const char *const scl_hf_tied_name;

#endif
