/* pairs.h — which mask belongs to which image: files of two folders with the same stem. */
#ifndef SCL_DATA_PAIRS_H
#define SCL_DATA_PAIRS_H

#include "base/mem.h"
#include "config/run_config.h"

typedef struct scl_pair {
    const char *name;         /* the stem: the file's name without its extension */
    const char *image, *mask; /* paths */
} scl_pair;

/* Finds .png, .jpg and .jpeg files (any case; hidden ones and other types are passed over) and sets
 * pairs [count], ordered by name bytewise; all memory is in the arena. `label` ("train") names the
 * data in messages. SCL_BAD_DATA for a folder that can't be read or holds no images, for two files
 * of one stem, and for images without a mask. Masks without an image are only warned of: a folder
 * of masks may serve several folders of images. */
scl_status scl_pairs_find(const scl_data_folders *folders, const char *label, scl_arena *arena,
                          scl_pair **pairs, size_t *count, scl_error *err);

#endif
