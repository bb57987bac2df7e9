/* yaml.h — YAML text as a tree that remembers where everything was written.
 *
 * The subset a run file needs: maps with plain keys, lists, scalars, anchors and aliases (expanded
 * into copies). Refused with a sentence: merge keys, tags, several documents, keys given twice.
 * Scalars stay text; what they mean is decided by the table they are read against. */
#ifndef SCL_CONFIG_YAML_H
#define SCL_CONFIG_YAML_H

#include "base/mem.h"
#include "base/str.h"
#include "config/diagnostics.h"

#define SCL_YAML_MAX_BYTES ((size_t)1 << 20)
#define SCL_YAML_MAX_DEPTH 64
#define SCL_YAML_MAX_NODES 20000 /* after the aliases are expanded */

typedef enum scl_yaml_kind {
    SCL_YAML_INVALID, /* a mistake here was reported; readers pass over it */
    SCL_YAML_SCALAR,
    SCL_YAML_LIST,
    SCL_YAML_MAP
} scl_yaml_kind;

typedef struct scl_yaml scl_yaml;

/* A key of a map with its value, or an item of a list (key NULL, the place is the value's). */
typedef struct scl_yaml_entry {
    const char *key;
    scl_place place;
    scl_yaml *value;
} scl_yaml_entry;

/* Owned, with all it points to, by the arena it was parsed into. */
struct scl_yaml {
    scl_yaml_kind kind;
    bool quoted; /* a scalar in quotes or a block scalar: a text, never null or a number */
    scl_place place;
    const char *text;        /* scalar */
    const char *raw;         /* how the scalar stands in the file, from its place on; or NULL */
    scl_yaml_entry *entries; /* list and map, in file order */
    size_t count, capacity;
};

typedef struct scl_yaml_source {
    const char *label; /* the file's path, or "command line: key=value"; outlives the tree */
    const char *text;
    size_t size;
    bool is_argument; /* the label alone is the place: no line and column */
} scl_yaml_source;

/* The tree of `source`; NULL when it could not be read, with the reason in the diagnostics. A tree
 * that is returned may still have left mistakes there. Strings are copied into the arena. A byte
 * order mark is passed over. */
scl_yaml *scl_yaml_parse(scl_arena *arena, scl_yaml_source source, scl_diagnostics *diagnostics);

/* A new node without content; NULL when out of memory. */
scl_yaml *scl_yaml_new(scl_arena *arena, scl_yaml_kind kind, scl_place place);
/* Adds a key (NULL for lists, borrowed) and its value; false when out of memory. */
bool scl_yaml_append(scl_arena *arena, scl_yaml *parent, const char *key, scl_place place,
                     scl_yaml *value);

/* The entry of a key; NULL when `node` is NULL, no map, or without it. */
scl_yaml_entry *scl_yaml_find(const scl_yaml *node, const char *key);

/* Where the byte `offset` of a scalar's text was written, seen through quotes, escapes and folded
 * lines. The scalar's place where that is not known. ---- yaml_within.c */
scl_place scl_yaml_place_within(const scl_yaml *scalar, size_t offset);

/* An unquoted null (or nothing at all). */
bool scl_yaml_is_null(const scl_yaml *node);

/* What a message says was found: `the text "fast"`, `3.5`, `a list`, `nothing`. */
const char *scl_yaml_describe(const scl_yaml *node, scl_arena *arena);

/* Appends the node as one line of YAML that reads back as the same tree. */
void scl_yaml_write(const scl_yaml *node, scl_str *out);

#endif
