#include "io/json.h"

#include "base/file.h"
#include "base/mem.h"
#include "io/printable.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* cJSON takes about 100 bytes a value, so that 100 MB of "[0,0,..." would need 5 GB. */
#define VALUE_LIMIT   ((size_t)4 << 20)
#define LARGEST_WHOLE 0x1p53

/* More than there are, never less: every value but the first follows one of these. */
static size_t most_values(const char *text, size_t size)
{
    size_t count = 1;
    for (size_t i = 0; i < size; i++)
        count += text[i] == ',' || text[i] == '[' || text[i] == '{';
    return count;
}

static scl_status syntax_error(const char *text, size_t size, size_t at, const char *where,
                               scl_error *err)
{
    size_t line = 1, line_start = 0;
    for (size_t i = 0; i < at; i++) {
        if (text[i] == '\n') {
            line++;
            line_start = i + 1;
        }
    }
    if (at >= size)
        return scl_fail(err, SCL_BAD_DATA, "%s:%zu:%zu: expected JSON, found the end of the text",
                        where, line, at - line_start + 1);
    char near[SCL_PRINTABLE];
    return scl_fail(err, SCL_BAD_DATA, "%s:%zu:%zu: expected JSON, found \"%s\"", where, line,
                    at - line_start + 1,
                    scl_printable(near, text + at, size - at < 24 ? size - at : 24));
}

static int by_key(const void *a, const void *b)
{
    const cJSON *left = *(const cJSON *const *)a, *right = *(const cJSON *const *)b;
    return strcmp(left->string, right->string);
}

/* As deep as cJSON nests at most, CJSON_NESTING_LIMIT. */
static scl_status check_keys(const cJSON *item, const char *where, scl_error *err)
{
    size_t count = 0;
    for (const cJSON *child = item->child; child != NULL; child = child->next, count++)
        SCL_TRY(check_keys(child, where, err));
    if (!cJSON_IsObject(item) || count < 2)
        return SCL_OK;
    const cJSON **sorted = scl_calloc(count, sizeof *sorted);
    if (sorted == NULL)
        return scl_out_of_memory(err, count * sizeof *sorted, "JSON keys");
    size_t n = 0;
    for (const cJSON *child = item->child; child != NULL; child = child->next)
        sorted[n++] = child;
    qsort(sorted, n, sizeof *sorted, by_key);
    scl_status status = SCL_OK;
    char key[SCL_PRINTABLE];
    for (size_t i = 1; i < n && status == SCL_OK; i++) {
        const char *name = sorted[i]->string;
        if (strcmp(sorted[i - 1]->string, name) == 0)
            status = scl_fail(err, SCL_BAD_DATA, "%s: expected each key once, found \"%s\" twice",
                              where, scl_printable(key, name, strlen(name)));
    }
    scl_free(sorted);
    return status;
}

scl_status scl_json_parse(const void *bytes, size_t size, const char *where, cJSON **root,
                          scl_error *err)
{
    const char *text = bytes;
    *root = NULL;
    if (size == 0)
        return scl_fail(err, SCL_BAD_DATA, "%s: expected JSON, found no text at all", where);
    if (memchr(text, '\0', size) != NULL || memmem(text, size, "\\u0000", 6) != NULL)
        return scl_fail(err, SCL_BAD_DATA, "%s: expected JSON text, found a NUL character", where);
    if (most_values(text, size) > VALUE_LIMIT)
        return scl_fail(err, SCL_BAD_DATA, "%s: expected at most %zu JSON values, found more",
                        where, VALUE_LIMIT);
    const char *end = text;
    *root = cJSON_ParseWithLengthOpts(text, size, &end, 0);
    size_t at = (size_t)(end - text);
    if (*root != NULL) {
        while (at < size && strchr(" \t\r\n", text[at]) != NULL)
            at++;
    }
    scl_status status = *root == NULL || at < size ? syntax_error(text, size, at, where, err)
                                                   : check_keys(*root, where, err);
    if (status != SCL_OK) {
        cJSON_Delete(*root);
        *root = NULL;
    }
    return status;
}

scl_status scl_json_load(const char *path, cJSON **root, scl_error *err)
{
    scl_file_map map;
    *root = NULL;
    SCL_TRY(scl_file_map_open(path, &map, err));
    scl_status status = scl_json_parse(map.data, map.size, path, root, err);
    scl_file_unmap(&map);
    return status;
}

const char *scl_json_kind(const cJSON *item)
{
    return item == NULL           ? "nothing"
           : cJSON_IsNumber(item) ? "a number"
           : cJSON_IsString(item) ? "a string"
           : cJSON_IsBool(item)   ? "true or false"
           : cJSON_IsArray(item)  ? "an array"
           : cJSON_IsObject(item) ? "an object"
                                  : "null";
}

static scl_status member(const cJSON *object, const char *key, const char *where,
                         cJSON_bool is_wanted(const cJSON *), const char *wanted,
                         const cJSON **item, scl_error *err)
{
    *item = cJSON_GetObjectItemCaseSensitive(object, key);
    if (*item != NULL && is_wanted(*item))
        return SCL_OK;
    return scl_fail(err, SCL_BAD_DATA, "%s: expected %s for \"%s\", found %s", where, wanted, key,
                    scl_json_kind(*item));
}

scl_status scl_json_number(const cJSON *object, const char *key, const char *where, double *value,
                           scl_error *err)
{
    const cJSON *item;
    SCL_TRY(member(object, key, where, cJSON_IsNumber, "a number", &item, err));
    *value = item->valuedouble;
    return SCL_OK;
}

bool scl_json_is_integer(const cJSON *item, int64_t *value)
{
    double number = cJSON_IsNumber(item) ? item->valuedouble : NAN;
    if (!(fabs(number) <= LARGEST_WHOLE) || floor(number) != number)
        return false;
    *value = (int64_t)number;
    return true;
}

scl_status scl_json_integer(const cJSON *object, const char *key, const char *where, int64_t *value,
                            scl_error *err)
{
    const cJSON *item;
    SCL_TRY(member(object, key, where, cJSON_IsNumber, "a whole number", &item, err));
    if (scl_json_is_integer(item, value))
        return SCL_OK;
    return scl_fail(err, SCL_BAD_DATA, "%s: expected a whole number for \"%s\", found %.17g", where,
                    key, item->valuedouble);
}

scl_status scl_json_bool(const cJSON *object, const char *key, const char *where, bool *value,
                         scl_error *err)
{
    const cJSON *item;
    SCL_TRY(member(object, key, where, cJSON_IsBool, "true or false", &item, err));
    *value = cJSON_IsTrue(item);
    return SCL_OK;
}

scl_status scl_json_string(const cJSON *object, const char *key, const char *where,
                           const char **value, scl_error *err)
{
    const cJSON *item;
    SCL_TRY(member(object, key, where, cJSON_IsString, "a string", &item, err));
    *value = item->valuestring;
    return SCL_OK;
}

scl_status scl_json_array(const cJSON *object, const char *key, const char *where,
                          const cJSON **value, scl_error *err)
{
    return member(object, key, where, cJSON_IsArray, "an array", value, err);
}

scl_status scl_json_object(const cJSON *object, const char *key, const char *where,
                           const cJSON **value, scl_error *err)
{
    return member(object, key, where, cJSON_IsObject, "an object", value, err);
}
