/* pth.h — what torch.save writes: the zip container, and the stream of PyTorch before 1.6.
 *
 * Both hold a pickle that describes the tensors, and their storages as raw bytes. A contiguous view
 * of a storage points into the file; any other is copied out. Every view is checked against its
 * storage. Source: torch/serialization.py, _load and _legacy_load. */
#ifndef SCL_IO_PTH_H
#define SCL_IO_PTH_H

#include "io/weights.h"

bool scl_pth_detect_zip(const uint8_t *bytes, size_t size);
bool scl_pth_detect_legacy(const uint8_t *bytes, size_t size);

/* Add the tensors of a file held in `bytes` (borrowed). SCL_BAD_DATA, SCL_DEVICE. */
scl_status scl_pth_read_zip(scl_weights *weights, const uint8_t *bytes, size_t size,
                            scl_error *err);
scl_status scl_pth_read_legacy(scl_weights *weights, const uint8_t *bytes, size_t size,
                               scl_error *err);

#endif
