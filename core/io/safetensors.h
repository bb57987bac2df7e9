/* safetensors.h — the safetensors file: eight bytes of length, a JSON header, the data.
 *
 * Reading refuses all that the format forbids: headers over 100 MB, overlaps, holes, a key twice,
 * a shape that does not fit its offsets, data beyond or short of the file. Data is not copied.
 * Source: huggingface/safetensors, README "Format". */
#ifndef SCL_IO_SAFETENSORS_H
#define SCL_IO_SAFETENSORS_H

#include "io/weights.h"

bool scl_safetensors_detect(const uint8_t *bytes, size_t size);

/* Adds the tensors and metadata of a file held in `bytes` (borrowed). SCL_BAD_DATA. */
scl_status scl_safetensors_read(scl_weights *weights, const uint8_t *bytes, size_t size,
                                scl_error *err);

/* Writes the tensors in the order given, the header padded so that data begins 8-aligned. The file
 * at `path` is replaced only when all is on disk. SCL_FAILED when it cannot be written, or when a
 * name is there twice or a size is not its shape's. */
scl_status scl_safetensors_write(const char *path, const scl_weight *tensors, size_t count,
                                 const scl_weights_pair *metadata, size_t metadata_count,
                                 scl_error *err);

/* The same without all data in memory at once: each tensor's is fetched when its turn comes. Also
 * fails as `fetch` does, and leaves no file then. */
scl_status scl_safetensors_write_fetched(const char *path, const scl_weight *tensors, size_t count,
                                         const scl_weights_pair *metadata, size_t metadata_count,
                                         scl_weight_fetch fetch, void *user, scl_error *err);

#endif
