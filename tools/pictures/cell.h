/* cell.h — cells of stained tissue, and what lies between them. One thread. */
#ifndef SCL_PICTURES_CELL_H
#define SCL_PICTURES_CELL_H

#include "pictures/painting.h"

#define SCL_CELLS 240 /* in one picture */

/* A bent ellipse: the distance of a point from the centre is measured in radii that depend on the
 * direction. */
typedef struct scl_oval {
    double x, y, cosine, sine; /* centre; direction of the first radius */
    double radius[2];          /* in pixels */
} scl_oval;

typedef struct scl_cell {
    scl_oval body, nucleus;
    scl_rgb cytoplasm, chromatin;
    double membrane; /* how clearly its border is seen, 0..1 */
    double nucleoli; /* how dark they are */
    uint32_t seed;
} scl_cell;

/* `size` is the mean radius of the picture's cells in pixels. */
scl_cell scl_cell_draw(scl_rng *rng, double x, double y, double size);

/* Whether they come nearer than `part` of the sum of their radii. */
bool scl_cell_touches(const scl_cell *a, const scl_cell *b, double part);

/* Paints them, where they meet with a common wall, and marks cell i with the id i + 1. `unit` is
 * the size in pixels of a detail, 1 in a picture of 256 x 256. */
void scl_cells_paint(scl_painting *painting, scl_rng *rng, const scl_cell *cells, int count,
                     double unit);

typedef enum scl_clutter_form {
    SCL_CLUTTER_SPINDLE,    /* long thin nuclei of fibroblasts */
    SCL_CLUTTER_LYMPHOCYTE, /* a small dark nucleus with hardly any cell around it */
    SCL_CLUTTER_BLOOD,      /* red, without a nucleus */
    SCL_CLUTTER_BLUR,       /* something dark out of focus */
    SCL_CLUTTER_FORMS
} scl_clutter_form;

/* Not annotated, but it hides what it covers: no pixel that it covers by half stays marked. */
void scl_clutter_paint(scl_painting *painting, scl_rng *rng, scl_clutter_form form, double x,
                       double y, double unit);

#endif
