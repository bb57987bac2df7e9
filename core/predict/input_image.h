/* input_image.h — an image file as a model takes it. */
#ifndef SCL_PREDICT_INPUT_IMAGE_H
#define SCL_PREDICT_INPUT_IMAGE_H

#include "data/frame.h"
#include "io/image.h"
#include "predict/predictor.h"

/* Zero-initialise; free with scl_input_image_free. */
typedef struct scl_input_image {
    scl_image rgb; /* 3 channels, depth 8; not turned by an EXIF orientation, as in Pillow */
    scl_frame frame;
} scl_input_image;

/* `side` is the model's image_size. An EXIF orientation that is passed over is warned of, for
 * coordinates then belong to the image as it is stored. Errors as scl_image_read. */
scl_status scl_input_image_read(scl_input_image *image, const char *path, scl_image_range range,
                                int64_t side, scl_error *err);
void scl_input_image_free(scl_input_image *image);

/* Runs the encoder: the predictor then answers for this image. */
scl_status scl_input_image_encode(const scl_input_image *image, scl_predictor *predictor,
                                  scl_error *err);

#endif
