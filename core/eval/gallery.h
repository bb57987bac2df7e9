/* gallery.h — a picture of judged images: image and prompts | target | prediction of each model. */
#ifndef SCL_EVAL_GALLERY_H
#define SCL_EVAL_GALLERY_H

#include "eval/evaluator.h"

#define SCL_GALLERY_MAX_MODELS 4

typedef struct scl_gallery scl_gallery;

/* Room for `rows` images and a prediction of each of `models` models, named by `titles`, which are
 * borrowed, as is `config`. SCL_DEVICE when out of memory. */
scl_status scl_gallery_create(size_t rows, size_t models, const char *const *titles,
                              const scl_run_config *config, const scl_sam_config *model,
                              scl_gallery **out, scl_error *err);
void scl_gallery_free(scl_gallery *gallery);

/* Copies what model number `column` made of an image, if it is one of the first `rows` images that
 * model 0 was given. SCL_BAD_DATA when the image can't be read, SCL_DEVICE when out of memory. */
scl_status scl_gallery_add(scl_gallery *gallery, size_t column, const scl_eval_image *image,
                           scl_error *err);

/* Draws it into a PNG file. Nothing is written when no image was added. */
scl_status scl_gallery_write(const scl_gallery *gallery, const char *title, const char *path,
                             scl_error *err);

#endif
