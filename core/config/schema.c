#include "config/schema.h"

#include "config/names.h"
#include "config/text.h"

#include <stdio.h>
#include <string.h>

/* One map being read. */
typedef struct section {
    const scl_schema_reader *reader;
    const char *name; /* "" for the root */
    scl_place place;  /* where a missing key is reported */
    bool absent;      /* the map is not there: defaults only, and nothing is missing */
} section;

static void read_section(const section *s, const scl_schema *schema, const scl_yaml *map,
                         void *out);

static void note_failed(const section *s, size_t bytes)
{
    scl_diagnostics_out_of_memory(s->reader->diagnostics, bytes);
}

/* "train.optimizer" from "train" and "optimizer"; losses[1] with an index of 0 or more. */
static const char *name_below(const section *s, const char *key, long index)
{
    char number[32] = "";
    if (index >= 0)
        snprintf(number, sizeof number, "[%ld]", index);
    const char *name = scl_arena_printf(s->reader->arena, "%s%s%s%s", s->name,
                                        s->name[0] != '\0' ? "." : "", key, number);
    if (name == NULL)
        note_failed(s, strlen(s->name) + strlen(key));
    return name != NULL ? name : "";
}

static void complain_of_missing(const section *s, const char *key, const char *help,
                                const char *example)
{
    if (s->absent)
        return;
    bool is_root = s->name[0] == '\0';
    scl_diagnostics_add(s->reader->diagnostics, s->place, "%s%s%s needs the key `%s`%s%s (%s)",
                        is_root ? "the run file" : "`", is_root ? "" : s->name, is_root ? "" : "`",
                        key, example != NULL ? ", as in " : "", example != NULL ? example : "",
                        help);
}

static void complain_of_kind(const section *s, const scl_schema_child *child, bool is_list,
                             const scl_yaml *found)
{
    if (found->kind == SCL_YAML_INVALID)
        return;
    scl_diagnostics_add(s->reader->diagnostics, found->place,
                        "expected %s such as %s%s%s for `%s`%s%s, found %s",
                        is_list ? "a list of maps" : "a map", is_list ? "[" : "", child->example,
                        is_list ? "]" : "", child->key, child->absent != NULL ? ", or " : "",
                        child->absent != NULL ? child->absent : "",
                        scl_yaml_describe(found, &s->reader->diagnostics->arena));
}

static bool has_required_key(const scl_schema *schema)
{
    for (size_t i = 0; i < schema->param_count; i++)
        if (schema->params[i].default_value == NULL)
            return true;
    for (size_t i = 0; i < schema->child_count; i++)
        if (schema->children[i].default_value == NULL)
            return true;
    return false;
}

/* ------------------------------------------------------------------ children */

typedef enum presence {
    PRESENT, /* a map, or the empty map that is the default */
    ABSENT,
    MISSING, /* required, and not there */
    WRONG    /* something else than a map */
} presence;

static presence presence_of(const scl_schema_child *child, const scl_yaml *node)
{
    bool null_default = child->default_value != NULL && strcmp(child->default_value, "null") == 0;
    bool is_scalar = node != NULL && node->kind == SCL_YAML_SCALAR && !node->quoted;
    if (is_scalar && child->absent != NULL && strcmp(node->text, child->absent) == 0)
        return ABSENT;
    if (!scl_yaml_is_null(node))
        return node->kind == SCL_YAML_MAP ? PRESENT : WRONG;
    /* `cache:` with nothing below it is an empty map, where that can be one. */
    if (node != NULL && !has_required_key(child->schema))
        return PRESENT;
    return null_default ? ABSENT : child->default_value == NULL ? MISSING : PRESENT;
}

static void read_map(const section *s, const scl_schema_child *child, const scl_yaml_entry *entry,
                     void *out)
{
    const scl_yaml *node = entry != NULL ? entry->value : NULL;
    presence state = presence_of(child, node);
    if (state == WRONG)
        complain_of_kind(s, child, false, node);
    else if (state == MISSING)
        complain_of_missing(s, child->key, child->help, child->example);
    section below = {.reader = s->reader,
                     .name = name_below(s, child->key, -1),
                     .place = entry != NULL ? entry->place : s->place,
                     .absent = s->absent || state != PRESENT};
    bool is_map = state == PRESENT && node != NULL && node->kind == SCL_YAML_MAP;
    read_section(&below, child->schema, is_map ? node : NULL, (char *)out + child->offset);
    int32_t given = state == PRESENT;
    memcpy((char *)out + child->offset, &given, sizeof given);
}

/* A bare word in a list of maps stands for the map {word: {}}, where it names a child. */
static const scl_yaml *expand_word(const section *s, const scl_schema *schema, const scl_yaml *item)
{
    if (item->kind != SCL_YAML_SCALAR || item->quoted)
        return item;
    for (size_t i = 0; i < schema->child_count; i++) {
        if (schema->children[i].kind != SCL_CHILD_MAP ||
            strcmp(schema->children[i].key, item->text) != 0)
            continue;
        scl_yaml *map = scl_yaml_new(s->reader->arena, SCL_YAML_MAP, item->place);
        scl_yaml *inner = scl_yaml_new(s->reader->arena, SCL_YAML_MAP, item->place);
        if (map != NULL && inner != NULL &&
            scl_yaml_append(s->reader->arena, map, item->text, item->place, inner))
            return map;
        note_failed(s, sizeof *map);
    }
    return item;
}

/* An item that is no map: names the words that may stand for one, where there are such. */
static void complain_of_item(const section *s, const scl_schema_child *child, const scl_yaml *item)
{
    scl_arena *arena = &s->reader->diagnostics->arena;
    const scl_schema *schema = child->schema;
    scl_str words = {0};
    for (size_t i = 0; i < schema->child_count; i++)
        if (schema->children[i].kind == SCL_CHILD_MAP)
            scl_str_add(&words, "%s%s", words.length > 0 ? ", " : "one of ",
                        schema->children[i].key);
    if (words.length == 0 || words.failed)
        complain_of_kind(s, child, false, item);
    else if (item->kind != SCL_YAML_INVALID)
        scl_diagnostics_add(s->reader->diagnostics, item->place,
                            "expected %s or a map such as %s for an item of `%s`, found %s",
                            words.text, child->example, child->key, scl_yaml_describe(item, arena));
    scl_str_free(&words);
}

static void read_maps(const section *s, const scl_schema_child *child, const scl_yaml *node,
                      void *out)
{
    scl_schema_list list = {0};
    if (node->kind != SCL_YAML_LIST) {
        complain_of_kind(s, child, true, node);
    } else {
        list.items = scl_arena_alloc(s->reader->arena, node->count * child->schema->size);
        if (list.items == NULL)
            note_failed(s, node->count * child->schema->size);
        else
            list.count = node->count;
    }
    for (size_t i = 0; i < list.count; i++) {
        const scl_yaml *item = expand_word(s, child->schema, node->entries[i].value);
        section below = {.reader = s->reader,
                         .name = name_below(s, child->key, (long)i),
                         .place = item->place,
                         .absent = s->absent || item->kind != SCL_YAML_MAP};
        if (item->kind != SCL_YAML_MAP)
            complain_of_item(s, child, item);
        read_section(&below, child->schema, item->kind == SCL_YAML_MAP ? item : NULL,
                     (char *)list.items + i * child->schema->size);
    }
    memcpy((char *)out + child->offset, &list, sizeof list);
}

static void read_one_or_maps(const section *s, const scl_schema_child *child,
                             const scl_yaml_entry *entry, void *out)
{
    const scl_yaml *node = entry != NULL ? entry->value : NULL;
    scl_schema_list list = {0};
    if (node != NULL && node->kind == SCL_YAML_LIST) {
        read_maps(s, child, node, out);
        return;
    }
    presence state = presence_of(child, node);
    if (state == WRONG)
        complain_of_kind(s, child, false, node);
    if (state == PRESENT) {
        list.items = scl_arena_alloc(s->reader->arena, child->schema->size);
        list.count = list.items != NULL;
    }
    if (state == PRESENT && list.items == NULL)
        note_failed(s, child->schema->size);
    section below = {.reader = s->reader, .name = name_below(s, child->key, -1), .place = s->place};
    if (entry != NULL)
        below.place = entry->place;
    if (list.count > 0)
        read_section(&below, child->schema, node, list.items);
    memcpy((char *)out + child->offset, &list, sizeof list);
}

static void read_maps_or_default(const section *s, const scl_schema_child *child,
                                 const scl_yaml_entry *entry, void *out)
{
    const scl_yaml *node = entry != NULL ? entry->value : NULL;
    if (scl_yaml_is_null(node)) {
        const char *text = child->default_value;
        scl_yaml_source source = {
            .label = "default value", .text = text, .size = strlen(text), .is_argument = true};
        node = scl_yaml_parse(s->reader->arena, source, s->reader->diagnostics);
    }
    if (node != NULL)
        read_maps(s, child, node, out);
}

static void keep_params(const section *s, const scl_schema_child *child,
                        const scl_yaml_entry *entry, void *out)
{
    scl_schema_params params = {0};
    const scl_yaml *node = entry != NULL ? entry->value : NULL;
    if (node != NULL && node->kind == SCL_YAML_MAP) {
        if (node->count > 0)
            params.node = node;
    } else if (!scl_yaml_is_null(node)) {
        complain_of_kind(s, child, false, node);
    }
    memcpy((char *)out + child->offset, &params, sizeof params);
}

/* ------------------------------------------------------------------ the map */

static bool is_key_of(const scl_schema *schema, const char *key)
{
    for (size_t i = 0; i < schema->param_count; i++)
        if (strcmp(schema->params[i].key, key) == 0)
            return true;
    for (size_t i = 0; i < schema->child_count; i++)
        if (strcmp(schema->children[i].key, key) == 0)
            return true;
    return false;
}

static void read_param(const section *s, const scl_param *param, const scl_yaml *map, void *out)
{
    const scl_schema_reader *reader = s->reader;
    const scl_yaml_entry *entry = scl_yaml_find(map, param->key);
    scl_value_set_default(param, out, reader->arena, reader->diagnostics);
    if (entry != NULL)
        scl_value_read(param, entry->value, out, reader->arena, reader->diagnostics);
    else if (param->default_value == NULL)
        complain_of_missing(s, param->key, param->help, NULL);
}

static void read_section(const section *s, const scl_schema *schema, const scl_yaml *map, void *out)
{
    for (size_t i = 0; i < schema->param_count; i++)
        read_param(s, &schema->params[i], map, out);
    for (size_t i = 0; i < schema->child_count; i++) {
        const scl_schema_child *child = &schema->children[i];
        const scl_yaml_entry *entry = scl_yaml_find(map, child->key);
        if (child->kind == SCL_CHILD_MAP)
            read_map(s, child, entry, out);
        else if (child->kind == SCL_CHILD_MAPS)
            read_maps_or_default(s, child, entry, out);
        else if (child->kind == SCL_CHILD_SOME)
            read_one_or_maps(s, child, entry, out);
        else
            keep_params(s, child, entry, out);
    }
    for (size_t i = 0; map != NULL && i < map->count; i++)
        if (!is_key_of(schema, map->entries[i].key))
            scl_names_unknown_key(s->reader, schema, s->name, &map->entries[i]);
}

void scl_schema_read(const scl_schema_reader *reader, const scl_schema *schema, const scl_yaml *map,
                     const char *name, scl_place place, void *out)
{
    section s = {.reader = reader, .name = name, .place = place};
    if (map != NULL && map->kind != SCL_YAML_MAP) {
        s.absent = true;
        if (map->kind != SCL_YAML_INVALID && !scl_yaml_is_null(map))
            scl_diagnostics_add(reader->diagnostics, map->place,
                                "expected %s with keys and values, found %s",
                                name[0] == '\0' ? "a run file" : "a map",
                                scl_yaml_describe(map, &reader->diagnostics->arena));
        map = NULL;
    }
    read_section(&s, schema, map, out);
}
