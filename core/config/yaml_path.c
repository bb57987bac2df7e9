#include "config/yaml_path.h"

#include <string.h>

static scl_yaml_path_state next_index(const char **path, const char *end, scl_yaml_step *step)
{
    const char *p = *path + 1;
    size_t index = 0;
    const char *digits = p;
    while (p < end && *p >= '0' && *p <= '9' && index <= SCL_YAML_MAX_NODES)
        index = index * 10 + (size_t)(*p++ - '0');
    if (p == digits || p == end || *p != ']')
        return SCL_YAML_PATH_MALFORMED;
    p++;
    if (p + 1 == end && *p == '.')
        return SCL_YAML_PATH_MALFORMED;
    *path = p < end && *p == '.' ? p + 1 : p;
    *step = (scl_yaml_step){.index = index};
    return SCL_YAML_PATH_STEP;
}

scl_yaml_path_state scl_yaml_path_next(const char **path, const char *end, scl_yaml_step *step)
{
    const char *p = *path;
    if (p == end)
        return SCL_YAML_PATH_END;
    if (*p == '[')
        return next_index(path, end, step);
    const char *key = p;
    while (p < end && *p != '.' && *p != '[' && *p != ']')
        p++;
    if (p == key || (p < end && *p == ']') || (p + 1 == end && *p == '.'))
        return SCL_YAML_PATH_MALFORMED;
    *step = (scl_yaml_step){.key = key, .length = (size_t)(p - key)};
    *path = p < end && *p == '.' ? p + 1 : p;
    return SCL_YAML_PATH_STEP;
}

scl_yaml_entry *scl_yaml_path_enter(const scl_yaml *node, scl_yaml_step step)
{
    if (node == NULL)
        return NULL;
    if (step.key == NULL)
        return node->kind == SCL_YAML_LIST && step.index < node->count ? &node->entries[step.index]
                                                                       : NULL;
    for (size_t i = 0; node->kind == SCL_YAML_MAP && i < node->count; i++)
        if (strlen(node->entries[i].key) == step.length &&
            memcmp(node->entries[i].key, step.key, step.length) == 0)
            return &node->entries[i];
    return NULL;
}

/* Follows the path as far as it leads; *whole: to its end. */
static scl_yaml_entry *follow(const scl_yaml *root, const char *path, bool *whole)
{
    const char *end = path + strlen(path);
    scl_yaml_entry *last = NULL;
    scl_yaml_step step;
    scl_yaml_path_state state;
    while ((state = scl_yaml_path_next(&path, end, &step)) == SCL_YAML_PATH_STEP) {
        scl_yaml_entry *next = scl_yaml_path_enter(last != NULL ? last->value : root, step);
        if (next == NULL)
            break;
        last = next;
    }
    *whole = state == SCL_YAML_PATH_END;
    return last;
}

scl_yaml_entry *scl_yaml_path_find(const scl_yaml *root, const char *path)
{
    bool whole;
    scl_yaml_entry *entry = follow(root, path, &whole);
    return whole ? entry : NULL;
}

scl_place scl_yaml_path_place(const scl_yaml *root, const char *path)
{
    bool whole;
    const scl_yaml_entry *entry = follow(root, path, &whole);
    if (entry == NULL)
        return root->place;
    /* A map's own place is its first key; what it lacks is better said at the map's name. */
    return whole && entry->value->kind == SCL_YAML_SCALAR ? entry->value->place : entry->place;
}
