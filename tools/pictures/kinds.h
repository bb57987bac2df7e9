/* kinds.h — the kinds of picture that can be painted. Any thread. */
#ifndef SCL_PICTURES_KINDS_H
#define SCL_PICTURES_KINDS_H

#include "pictures/painting.h"

/* name, what it shows */
#define SCL_KIND_LIST(X)                                                                           \
    X(shapes, "objects of many forms on many backgrounds; ids of instances")                       \
    X(cells, "stained tissue; ids of whole cells, with their cytoplasm")                           \
    X(spots, "dark-field microscopy; ids of classes: 1 rings, 2 rods, 3 threads")

typedef struct scl_kind {
    const char *name;
    const char *summary;
    int (*paint)(scl_painting *painting, scl_rng *rng); /* on a new one; how many objects it has */
} scl_kind;

#define X(name, summary) int scl_paint_##name(scl_painting *painting, scl_rng *rng);
SCL_KIND_LIST(X)
#undef X

/* All kinds, and the one of that name or NULL. Static storage. */
extern const scl_kind scl_kinds[];
extern const size_t scl_kind_count;
const scl_kind *scl_kind_find(const char *name);

/* Picture `number` of a seed: a pure function of kind, seed, number and size. The images are new.
 * Each has an object, if a few tries allow it. SCL_DEVICE when out of memory; then none is made. */
scl_status scl_kind_picture(const scl_kind *kind, uint64_t seed, int number, int width, int height,
                            scl_image *picture, scl_image *mask, scl_error *err);

#endif
