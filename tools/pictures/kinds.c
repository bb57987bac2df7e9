#include "pictures/kinds.h"

#include <string.h>

#define TRIES 16 /* a tiny picture may miss all of its objects */

const scl_kind scl_kinds[] = {
#define X(name, summary) {#name, summary, scl_paint_##name},
    SCL_KIND_LIST(X)
#undef X
};
const size_t scl_kind_count = sizeof scl_kinds / sizeof *scl_kinds;

const scl_kind *scl_kind_find(const char *name)
{
    for (size_t i = 0; i < scl_kind_count; i++)
        if (strcmp(scl_kinds[i].name, name) == 0)
            return &scl_kinds[i];
    return NULL;
}

scl_status scl_kind_picture(const scl_kind *kind, uint64_t seed, int number, int width, int height,
                            scl_image *picture, scl_image *mask, scl_error *err)
{
    scl_status status = SCL_OK;
    int objects = 0;
    for (uint64_t attempt = 0; attempt < TRIES && status == SCL_OK && objects == 0; attempt++) {
        scl_rng rng = scl_rng_make(seed, kind->name, (uint64_t)number, attempt);
        scl_painting painting;
        SCL_TRY(scl_painting_make(&painting, width, height, err));
        objects = kind->paint(&painting, &rng);
        if (objects > 0 || attempt + 1 == TRIES)
            status = scl_painting_develop(&painting, picture, mask, err);
        scl_painting_free(&painting);
    }
    return status;
}
