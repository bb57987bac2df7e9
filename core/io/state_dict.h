/* state_dict.h — from an unpickled checkpoint and its storages to named tensors. */
#ifndef SCL_IO_STATE_DICT_H
#define SCL_IO_STATE_DICT_H

#include "io/pickle.h"

/* The bytes of a storage in the file. */
typedef struct scl_payload {
    scl_pickle_text key;
    const uint8_t *data;
    size_t bytes;
} scl_payload;

/* Adds the tensors under `root`: a state dict, one under 'model' or 'state_dict', or one bare
 * tensor. Other values in it are left out, which the log says. Sorts `payloads`; their data is
 * borrowed. `file_bytes` bounds what copies of non-contiguous views may take. SCL_BAD_DATA when a
 * storage is missing, twice there or of the wrong size, or a view reaches beyond it. */
scl_status scl_state_dict_read(scl_weights *weights, const scl_pickle_value *root,
                               scl_payload *payloads, size_t count, size_t file_bytes,
                               scl_error *err);

#endif
