/* name_set.h — texts, each once, in the order they came; as a list in YAML. */
#ifndef SCL_TUNED_NAME_SET_H
#define SCL_TUNED_NAME_SET_H

#include "base/mem.h"
#include "base/str.h"

/* Zero-initialise; free with scl_name_set_free. The texts are borrowed. */
typedef struct scl_name_set {
    const char **items;
    size_t count, capacity;
} scl_name_set;

bool scl_name_set_has(const scl_name_set *set, const char *name);
/* False when out of memory. */
bool scl_name_set_add(scl_name_set *set, const char *name);
/* Appends [a, "b, c"]. */
void scl_name_set_write(const scl_name_set *set, scl_str *out);
void scl_name_set_free(scl_name_set *set);

#endif
