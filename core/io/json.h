/* json.h — cJSON with errors that say where: line and column, key, what was expected and found.
 *
 * Stricter than cJSON: nothing may follow the value, no object may hold a key twice, and no string
 * may hold U+0000 (cJSON would cut it short). Getters take `where`, the file named in the error.
 * All errors are SCL_BAD_DATA, out of memory SCL_DEVICE. */
#ifndef SCL_IO_JSON_H
#define SCL_IO_JSON_H

#include "base/status.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

/* Parses exactly these bytes (no NUL needed; white space may follow). Free *root with
 * cJSON_Delete. */
scl_status scl_json_parse(const void *bytes, size_t size, const char *where, cJSON **root,
                          scl_error *err);

/* A whole file, which `where` of later errors should name. */
scl_status scl_json_load(const char *path, cJSON **root, scl_error *err);

/* Members that must be there. Strings, arrays and objects are borrowed from `object`. */
scl_status scl_json_number(const cJSON *object, const char *key, const char *where, double *value,
                           scl_error *err);
/* A whole number of at most 2^53 in size, so that no digit was lost. */
scl_status scl_json_integer(const cJSON *object, const char *key, const char *where, int64_t *value,
                            scl_error *err);
scl_status scl_json_bool(const cJSON *object, const char *key, const char *where, bool *value,
                         scl_error *err);
scl_status scl_json_string(const cJSON *object, const char *key, const char *where,
                           const char **value, scl_error *err);
scl_status scl_json_array(const cJSON *object, const char *key, const char *where,
                          const cJSON **value, scl_error *err);
scl_status scl_json_object(const cJSON *object, const char *key, const char *where,
                           const cJSON **value, scl_error *err);

/* Whether the item is such a whole number, for the items of an array. */
bool scl_json_is_integer(const cJSON *item, int64_t *value);
/* "a number", "a string", ...; "nothing" for NULL. Static storage. */
const char *scl_json_kind(const cJSON *item);

#endif
