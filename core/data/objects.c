#include "data/objects.h"

#include "base/mem.h"
#include "samcl/plugin.h"

#include <string.h>

#define ID_COUNT 65536 /* ids come from samples of at most 16 bits */

static scl_status count_areas(scl_objects *objects, const scl_mask *mask, scl_error *err)
{
    if (objects->areas == NULL)
        objects->areas = scl_calloc(ID_COUNT, sizeof *objects->areas);
    if (objects->areas == NULL)
        return scl_out_of_memory(err, ID_COUNT * sizeof *objects->areas, "the areas of objects");
    memset(objects->areas, 0, ID_COUNT * sizeof *objects->areas);
    size_t pixels = (size_t)mask->width * (size_t)mask->height;
    objects->any = false;
    for (size_t i = 0; i < pixels; i++) {
        if (mask->ids[i] <= 0)
            continue;
        objects->areas[mask->ids[i]]++;
        objects->any = true;
    }
    return SCL_OK;
}

static scl_status add(scl_objects *objects, int32_t id, scl_error *err)
{
    if (!SCL_GROW(objects->ids, objects->count, objects->capacity))
        return scl_out_of_memory(err, objects->capacity * sizeof *objects->ids,
                                 "a list of objects");
    objects->ids[objects->count++] = id;
    return SCL_OK;
}

scl_status scl_objects_find(scl_objects *objects, const scl_mask *mask,
                            const scl_data_config *config, scl_error *err)
{
    objects->count = 0;
    SCL_TRY(count_areas(objects, mask, err));
    if (config->task != SCL_TASK_INSTANCES)
        return add(objects, 1, err);
    for (int32_t id = 1; id < ID_COUNT; id++)
        if (objects->areas[id] > 0 && objects->areas[id] >= config->min_object_area)
            SCL_TRY(add(objects, id, err));
    return SCL_OK;
}

void scl_objects_free(scl_objects *objects)
{
    scl_free(objects->ids);
    scl_free(objects->areas);
    *objects = (scl_objects){0};
}
