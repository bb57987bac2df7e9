/* dataset.h — the images of two folders with their masks, checked before anything is trained. */
#ifndef SCL_DATA_DATASET_H
#define SCL_DATA_DATASET_H

#include "base/mem.h"
#include "config/run_config.h"

typedef struct scl_data_item {
    const char *name;         /* the files' name without the extension */
    const char *image, *mask; /* paths */
    int width, height;
    uint32_t objects; /* that scl_objects_find finds: 1 but for instances, where it may be 0 */
    bool empty;       /* no pixel of the mask is above 0 */
} scl_data_item;

/* Read-only once made; any thread. */
typedef struct scl_dataset {
    const char *label;             /* "train" */
    const scl_data_config *config; /* borrowed: outlives the data set */
    scl_data_item *items;          /* [count], by name */
    size_t count;                  /* 1 to 2^32 - 1 */
    scl_arena arena;
} scl_dataset;

/* Called from the opening thread after each file; `call` may be NULL. */
typedef struct scl_data_progress {
    void (*call)(void *user, size_t done, size_t total);
    void *user;
} scl_data_progress;

/* Pairs the files of the folders, then reads every mask and the head of every image, and logs what
 * the masks were recognised as. SCL_BAD_DATA for what scl_pairs_find and scl_mask_read refuse, for
 * a mask of another size than its image, and when no mask has an object or all masks are of 0 and
 * 255 where ids were promised; one error names up to 8 files. SCL_DEVICE when out of memory.
 * `label` is copied. Free with scl_dataset_free. */
scl_status scl_dataset_open(const scl_data_config *config, const scl_data_folders *folders,
                            const char *label, scl_data_progress progress, scl_dataset **dataset,
                            scl_error *err);

/* Two new data sets, "train" and "val": `fraction` of the images, drawn by the seed and at least
 * one, are in val, the others, at least one, in train. They don't depend on `dataset`, which stays
 * the caller's. SCL_BAD_DATA when there is only one image, SCL_DEVICE when out of memory. */
scl_status scl_dataset_split(const scl_dataset *dataset, double fraction, uint64_t seed,
                             scl_dataset **train, scl_dataset **val, scl_error *err);

void scl_dataset_free(scl_dataset *dataset);

#endif
