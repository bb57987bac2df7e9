/* painting.h — a picture being painted with the ids of its objects, and the camera that takes it.
 */
#ifndef SCL_PICTURES_PAINTING_H
#define SCL_PICTURES_PAINTING_H

#include "io/image.h"
#include "pictures/coverage.h"
#include "pictures/texture.h"

#define SCL_PAINTING_MAX_IDS 255

/* One thread. */
typedef struct scl_painting {
    int width, height;
    float *rgb;               /* [height, width, 3] in about 0..1 */
    uint8_t *ids;             /* [height, width], 0 = background */
    float *line;              /* working memory, a row or column of rgb */
    scl_coverage cover, soft; /* for the painters' use */
} scl_painting;

/* Black, without ids. SCL_DEVICE when out of memory. Free with scl_painting_free. */
scl_status scl_painting_make(scl_painting *painting, int width, int height, scl_error *err);
void scl_painting_free(scl_painting *painting);

/* Side of a square of the same area: what sizes are chosen by. */
double scl_painting_side(const scl_painting *painting);

scl_rgb scl_painting_color(const scl_painting *painting, int x, int y);
void scl_painting_set(scl_painting *painting, int x, int y, scl_rgb color);
/* Over what is there; alpha 1 is opaque. */
void scl_painting_blend(scl_painting *painting, int x, int y, scl_rgb color, double alpha);
void scl_painting_mark(scl_painting *painting, int x, int y, int id);
int scl_painting_id(const scl_painting *painting, int x, int y);

/* Objects of fewer visible pixels than this are not annotated. */
int scl_painting_min_area(int width, int height);
/* Drops ids of too few pixels and renumbers the others 1, 2, ...; returns how many there are. */
int scl_painting_renumber(scl_painting *painting);

/* What happens to the light on its way into the file; all 0: nothing. */
typedef struct scl_camera {
    int blur_passes;   /* each a 3 x 3 filter */
    double blur;       /* 0..1: how strong each is */
    double vignette;   /* how much darker the corners are */
    double contrast;   /* added to 1, about the mean */
    double brightness; /* added */
    double bend;       /* -1..1: darker or brighter middle tones */
    double gray;       /* 1: without colour */
    double noise;      /* deviation */
    uint32_t seed;     /* of the noise */
} scl_camera;
void scl_camera_take(const scl_camera *camera, scl_painting *painting);

/* New images: RGB, and ids in gray. SCL_DEVICE when out of memory; then none is made. */
scl_status scl_painting_develop(const scl_painting *painting, scl_image *picture, scl_image *mask,
                                scl_error *err);

#endif
