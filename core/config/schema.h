/* schema.h — a map of the run file described by tables, and read, checked and written by them.
 *
 * The rows are those of plugin.h, for plugins and for samcl's own sections alike; maps inside maps
 * are children. The same tables make the messages, the resolved run file and the manual. */
#ifndef SCL_CONFIG_SCHEMA_H
#define SCL_CONFIG_SCHEMA_H

#include "config/values.h"

typedef struct scl_schema scl_schema;

typedef enum scl_child_kind {
    SCL_CHILD_MAP,   /* a map. Its struct, at offset, begins with `int32_t given` (0: absent) */
    SCL_CHILD_MAPS,  /* a list of maps: scl_schema_list at offset */
    SCL_CHILD_SOME,  /* the same, and a map stands for a list of one; may be absent */
    SCL_CHILD_PARAMS /* the parameters of a plugin, kept as YAML: scl_schema_params at offset */
} scl_child_kind;

/* The layout of every SCL_CHILD_MAPS and SCL_CHILD_SOME field; items points to `count` structs of
 * the child. */
typedef struct scl_schema_list {
    void *items;
    size_t count;
} scl_schema_list;

/* A plugin's parameters: as written, and once the plugin's table is known, as values. */
typedef struct scl_schema_params {
    const scl_yaml *node;   /* borrowed from the tree; NULL: not given */
    const scl_param *table; /* the plugin's, borrowed; NULL until read */
    size_t table_count;
    void *values; /* in the arena */
} scl_schema_params;

typedef struct scl_schema_child {
    const char *key;
    scl_child_kind kind;
    uint32_t offset;
    const scl_schema *schema;  /* NULL for SCL_CHILD_PARAMS */
    const char *default_value; /* YAML; NULL: required; "null": absent unless given */
    const char *absent;        /* a word that also says absent, such as none; NULL: no such word */
    const char *example;       /* YAML of one value (of one item of a list) */
    const char *help;
} scl_schema_child;

struct scl_schema {
    const scl_param *params;
    size_t param_count;
    const scl_schema_child *children;
    size_t child_count;
    size_t size; /* of the struct */
};

typedef struct scl_schema_reader {
    scl_arena *arena; /* owns the strings and lists that are read */
    scl_diagnostics *diagnostics;
    const scl_schema *root; /* where misplaced keys are looked for; may be NULL */
} scl_schema_reader;

/* Reads `map` into `out`: every field is set, to its default where the key is absent or wrong.
 * `map` NULL: an empty map. `name` is its own in messages ("train.optimizer", "" for the root),
 * `place` where a missing key is reported. */
void scl_schema_read(const scl_schema_reader *reader, const scl_schema *schema, const scl_yaml *map,
                     const char *name, scl_place place, void *out);

/* Appends the whole struct as YAML with comments, which reads back as the same struct. */
void scl_schema_write(const scl_schema *schema, const void *base, scl_str *out);

/* Checks a parameter table before anything is stored through it: types, offsets within
 * params_size, no overlap, ranges, choices, defaults. SCL_PLUGIN with the first fault. */
scl_status scl_schema_check_table(const scl_param *params, size_t count, size_t params_size,
                                  scl_error *err);

#endif
