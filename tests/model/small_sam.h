/* small_sam.h — the small SAM of tests/reference/make_model_fixtures.py. */
#ifndef SCL_TESTS_SMALL_SAM_H
#define SCL_TESTS_SMALL_SAM_H

#include "fixture.h"

#include "model/model.h"

#define SMALL_IMAGE     32
#define SMALL_GRID      8
#define SMALL_MASK      (4 * SMALL_GRID)
#define SMALL_EMBEDDING (SMALL_GRID * SMALL_GRID * 16)

scl_sam_config small_config(scl_sam_flavour flavour);

/* The pattern's weights under either naming; free each weight's data and the list with free. */
scl_weight *small_weights(scl_sam_flavour flavour, size_t *count);

/* Those weights written to a new temporary .safetensors file; free the path after unlinking it. */
char *small_checkpoint(scl_sam_flavour flavour);

/* A store with the pattern's weights. */
scl_store *small_store(scl_device *device, const scl_sam_config *config);

#endif
