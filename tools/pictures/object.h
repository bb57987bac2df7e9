/* object.h — a solid thing in a picture: outline, surface, light, shadow. One thread. */
#ifndef SCL_PICTURES_OBJECT_H
#define SCL_PICTURES_OBJECT_H

#include "pictures/painting.h"

typedef struct scl_object {
    scl_outline outline;
    scl_texture texture;
    double radius;           /* its size in pixels */
    double relief;           /* how strongly light and shade model it, 0: flat */
    double light_x, light_y; /* direction towards the light, length 1 */
    double shadow;           /* darkness of the shadow, 0..1; it falls away from the light */
    double border;           /* width of the line along its edge in pixels, 0: none */
    scl_rgb border_color;
    int id;
} scl_object;

/* The mean colour of the picture where the object will be, and whether any of it is inside. */
bool scl_object_ground(scl_painting *painting, const scl_object *object, scl_rgb *mean);

/* Paints it over everything and marks the pixels it covers by at least half. */
void scl_object_paint(scl_painting *painting, const scl_object *object);

#endif
