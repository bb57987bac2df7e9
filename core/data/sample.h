/* sample.h — one visit of one image: the file, changed by chance, as the model sees it. */
#ifndef SCL_DATA_SAMPLE_H
#define SCL_DATA_SAMPLE_H

#include "data/augment.h"
#include "data/dataset.h"
#include "data/frame.h"
#include "data/objects.h"

/* All randomness of a visit follows from these. */
typedef struct scl_visit {
    uint64_t seed, epoch;
    size_t item;  /* of the data set */
    bool augment; /* see augment.h */
} scl_visit;

/* Image and mask are moved alike. Zero-initialise; free with scl_sample_free. Buffers are used
 * again by the next load; one thread. */
typedef struct scl_sample {
    scl_frame frame;     /* of the picture as it is seen: a crop is smaller than the file */
    scl_mask mask;       /* as it is seen, width and height of the frame */
    scl_mask file;       /* a buffer */
    scl_objects objects; /* that are seen, with an object in the file at least one */
    int32_t *low;        /* [low_side, low_side] the mask as scl_frame_ids makes it */
    size_t low_side;
} scl_sample;

/* `image` [image_size, image_size, 3] is the network's input, see scl_frame_image. SCL_BAD_DATA
 * with the path when a file can't be read or isn't what it was when the data set was opened;
 * SCL_DEVICE when out of memory. */
scl_status scl_sample_load(scl_sample *sample, const scl_dataset *dataset, const scl_visit *visit,
                           int64_t image_size, int64_t mask_size, float *image, scl_error *err);

void scl_sample_free(scl_sample *sample);

#endif
