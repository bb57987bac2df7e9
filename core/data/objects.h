/* objects.h — which objects of a mask training may be asked for. One thread an object. */
#ifndef SCL_DATA_OBJECTS_H
#define SCL_DATA_OBJECTS_H

#include "data/mask_file.h"

/* Zero-initialise; free with scl_objects_free. The buffers are used again. */
typedef struct scl_objects {
    int32_t *ids; /* [count], ascending */
    size_t count;
    size_t capacity;
    uint32_t *areas; /* pixels by id */
    bool any;        /* the mask has a pixel above 0 */
} scl_objects;

/* Instances: every id above 0 with at least min_object_area pixels. Otherwise one, the id 1, also
 * when the mask is empty. SCL_DEVICE when out of memory. */
scl_status scl_objects_find(scl_objects *objects, const scl_mask *mask,
                            const scl_data_config *config, scl_error *err);
void scl_objects_free(scl_objects *objects);

#endif
