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

/* Writes float32 tensors as torch.save writes a state dict, so that torch.load reads them, also
 * with weights_only. The data of each is fetched when its turn comes. The file at `path` is
 * replaced only when all is on disk. SCL_FAILED when it cannot be written or would be over 4 GiB,
 * or as `fetch` fails; then no file is left. */
scl_status scl_pth_write_fetched(const char *path, const scl_weight *tensors, size_t count,
                                 scl_weight_fetch fetch, void *user, scl_error *err);

#endif
