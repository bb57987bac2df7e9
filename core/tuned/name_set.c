#include "tuned/name_set.h"

#include "config/text.h"

#include <string.h>

bool scl_name_set_has(const scl_name_set *set, const char *name)
{
    for (size_t i = 0; i < set->count; i++)
        if (strcmp(set->items[i], name) == 0)
            return true;
    return false;
}

bool scl_name_set_add(scl_name_set *set, const char *name)
{
    if (scl_name_set_has(set, name))
        return true;
    if (!SCL_GROW(set->items, set->count, set->capacity))
        return false;
    set->items[set->count++] = name;
    return true;
}

void scl_name_set_write(const scl_name_set *set, scl_str *out)
{
    scl_str_add(out, "[");
    for (size_t i = 0; i < set->count; i++) {
        scl_str_add(out, "%s", i > 0 ? ", " : "");
        scl_text_write_string(out, set->items[i]);
    }
    scl_str_add(out, "]");
}

void scl_name_set_free(scl_name_set *set)
{
    scl_free(set->items);
    *set = (scl_name_set){0};
}
