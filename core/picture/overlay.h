/* overlay.h — a picture with what was found in it: masks, boxes, clicked points. */
#ifndef SCL_PICTURE_OVERLAY_H
#define SCL_PICTURE_OVERLAY_H

#include "picture/canvas.h"

/* Edges in pixels of the picture, x1 and y1 exclusive. */
typedef struct scl_overlay_box {
    double x0, y0, x1, y1;
} scl_overlay_box;

/* label 1: part of the object (a plus); 0: not (a minus). */
typedef struct scl_overlay_point {
    double x, y;
    int label;
} scl_overlay_point;

/* All memory is borrowed. */
typedef struct scl_overlay {
    const uint8_t *rgb; /* [height, width, 3] */
    int width, height;
    const uint8_t *mask;     /* [height, width] of ids, 0 = nothing there; NULL: no mask */
    bool binary;             /* every other value means 1, so that 0/255 masks look as 0/1 ones */
    int hidden_id;           /* not drawn, such as "void"; 0: all are drawn */
    const scl_color *colors; /* [256] by id; NULL: scl_class_color */
    const scl_overlay_box *boxes;
    size_t box_count;
    const scl_overlay_point *points;
    size_t point_count;
} scl_overlay;

/* The colour of class 1, 2, ...: bright, told apart by colour-blind readers, repeating after 12. */
scl_color scl_class_color(int id);

/* The size of the drawn picture: the longer side becomes `longest` (0: as it is). */
void scl_overlay_size(const scl_overlay *overlay, int longest, int *width, int *height);

/* Makes `canvas` in that size. Lines and markers have the same width in every size. SCL_BAD_DATA
 * for an impossible size, SCL_DEVICE when out of memory. */
scl_status scl_overlay_draw(const scl_overlay *overlay, int longest, scl_canvas *canvas,
                            scl_error *err);

#endif
