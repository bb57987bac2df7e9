#include "config/yaml.h"

#include "config/text.h"
#include "config/yaml_problem.h"

#include <string.h>
#include <yaml.h>

#define BYTE_ORDER_MARK "\xef\xbb\xbf"

typedef struct anchor {
    const char *name;
    scl_yaml *node;
} anchor;

typedef struct parse {
    yaml_parser_t parser;
    scl_yaml_source source;
    scl_arena *arena;
    scl_diagnostics *diagnostics;
    anchor *anchors;
    size_t anchor_count, anchor_capacity;
    size_t nodes;
    int depth;
    size_t at_character, at_byte; /* of the source: how far its characters have been counted */
    bool stopped;                 /* the reason is in the diagnostics */
} parse;

static scl_yaml *parse_node(parse *p, yaml_event_t *event);

/* ------------------------------------------------------------------ building nodes */

scl_yaml *scl_yaml_new(scl_arena *arena, scl_yaml_kind kind, scl_place place)
{
    scl_yaml *node = scl_arena_alloc(arena, sizeof *node);
    if (node != NULL)
        *node = (scl_yaml){.kind = kind, .place = place};
    return node;
}

bool scl_yaml_append(scl_arena *arena, scl_yaml *parent, const char *key, scl_place place,
                     scl_yaml *value)
{
    if (parent->count == parent->capacity) {
        size_t capacity = parent->capacity > 0 ? parent->capacity * 2 : 4;
        scl_yaml_entry *bigger = scl_arena_alloc(arena, capacity * sizeof *bigger);
        if (bigger == NULL)
            return false;
        if (parent->count > 0)
            memcpy(bigger, parent->entries, parent->count * sizeof *bigger);
        parent->entries = bigger;
        parent->capacity = capacity;
    }
    parent->entries[parent->count++] = (scl_yaml_entry){.key = key, .place = place, .value = value};
    return true;
}

static void *stop(parse *p)
{
    p->stopped = true;
    return NULL;
}

static void *stop_for_memory(parse *p)
{
    scl_diagnostics_out_of_memory(p->diagnostics, sizeof(scl_yaml));
    return stop(p);
}

static scl_yaml *new_node(parse *p, scl_yaml_kind kind, scl_place place)
{
    if (++p->nodes > SCL_YAML_MAX_NODES) {
        scl_diagnostics_add(p->diagnostics, place,
                            "more than %d values: a run file is smaller, or an alias multiplies "
                            "itself here",
                            SCL_YAML_MAX_NODES);
        return stop(p);
    }
    scl_yaml *node = scl_yaml_new(p->arena, kind, place);
    return node != NULL ? node : stop_for_memory(p);
}

static bool append(parse *p, scl_yaml *parent, const char *key, scl_place place, scl_yaml *value)
{
    return scl_yaml_append(p->arena, parent, key, place, value) || stop_for_memory(p) != NULL;
}

static bool enter(parse *p, scl_place place)
{
    if (++p->depth <= SCL_YAML_MAX_DEPTH)
        return true;
    scl_diagnostics_add(p->diagnostics, place, "nested more than %d levels deep",
                        SCL_YAML_MAX_DEPTH);
    return stop(p) != NULL;
}

/* ------------------------------------------------------------------ anchors and aliases */

static void remember_anchor(parse *p, const yaml_char_t *name, scl_yaml *node)
{
    if (name == NULL)
        return;
    char *copy = scl_arena_strdup(p->arena, (const char *)name);
    if (copy == NULL || !SCL_GROW(p->anchors, p->anchor_count, p->anchor_capacity)) {
        stop_for_memory(p);
        return;
    }
    p->anchors[p->anchor_count++] = (anchor){.name = copy, .node = node};
}

static scl_yaml *copy_node(parse *p, const scl_yaml *node)
{
    scl_yaml *copy = new_node(p, node->kind, node->place);
    if (copy == NULL || !enter(p, node->place))
        return NULL;
    copy->quoted = node->quoted;
    copy->text = node->text;
    copy->raw = node->raw;
    for (size_t i = 0; i < node->count; i++) {
        const scl_yaml_entry *entry = &node->entries[i];
        scl_yaml *value = copy_node(p, entry->value);
        if (value == NULL || !append(p, copy, entry->key, entry->place, value))
            return NULL;
    }
    p->depth--;
    return copy;
}

static scl_yaml *expand_alias(parse *p, const char *name, scl_place place)
{
    /* A node is remembered when it is complete, so it cannot hold itself. */
    for (size_t i = p->anchor_count; i > 0; i--)
        if (strcmp(p->anchors[i - 1].name, name) == 0)
            return copy_node(p, p->anchors[i - 1].node);
    const char *shown = scl_text_quote(&p->diagnostics->arena, name);
    scl_diagnostics_add(p->diagnostics, place,
                        "`*%s` refers to no anchor `&%s` above it: put a text that begins with `*` "
                        "in quotes",
                        shown, shown);
    return new_node(p, SCL_YAML_INVALID, place);
}

/* ------------------------------------------------------------------ events to nodes */

static bool next_event(parse *p, yaml_event_t *event)
{
    if (p->stopped)
        return false;
    if (yaml_parser_parse(&p->parser, event))
        return true;
    scl_yaml_explain(&p->parser, &p->source, p->diagnostics);
    return stop(p) != NULL;
}

static scl_yaml *parse_next(parse *p)
{
    yaml_event_t event;
    if (!next_event(p, &event))
        return NULL;
    scl_yaml *node = parse_node(p, &event);
    yaml_event_delete(&event);
    return node;
}

static void refuse_tag(parse *p, const yaml_char_t *tag, scl_place place)
{
    if (tag != NULL)
        scl_diagnostics_add(p->diagnostics, place,
                            "tags are not supported: put a text that begins with `!` in quotes");
}

/* The byte where a mark of libyaml is, which counts characters. Marks come in order. */
static size_t byte_at(parse *p, size_t character)
{
    const char *text = p->source.text, *end = text + p->source.size;
    for (; p->at_character < character && p->at_byte < p->source.size; p->at_character++)
        p->at_byte += scl_character_bytes(text + p->at_byte, end);
    return p->at_byte;
}

static const char *copy_raw(parse *p, const yaml_event_t *event)
{
    size_t start = byte_at(p, event->start_mark.index), end = byte_at(p, event->end_mark.index);
    const char *raw =
        scl_arena_printf(p->arena, "%.*s", (int)(end - start), p->source.text + start);
    return raw != NULL ? raw : stop_for_memory(p);
}

static scl_yaml *parse_scalar(parse *p, const yaml_event_t *event, scl_place place)
{
    const char *text = (const char *)event->data.scalar.value;
    refuse_tag(p, event->data.scalar.tag, place);
    scl_yaml_kind kind = event->data.scalar.tag != NULL ? SCL_YAML_INVALID : SCL_YAML_SCALAR;
    if (strlen(text) != event->data.scalar.length) {
        scl_diagnostics_add(p->diagnostics, place, "a text must not hold a NUL character");
        kind = SCL_YAML_INVALID;
    }
    scl_yaml *node = new_node(p, kind, place);
    if (node == NULL)
        return NULL;
    node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    node->text = scl_arena_strdup(p->arena, text);
    node->raw = copy_raw(p, event);
    return node->text != NULL && node->raw != NULL ? node : stop_for_memory(p);
}

static scl_yaml *parse_list(parse *p, const yaml_event_t *event, scl_place place)
{
    refuse_tag(p, event->data.sequence_start.tag, place);
    scl_yaml *list = new_node(p, SCL_YAML_LIST, place);
    while (list != NULL) {
        yaml_event_t item;
        if (!next_event(p, &item))
            return NULL;
        bool ended = item.type == YAML_SEQUENCE_END_EVENT;
        scl_yaml *value = ended ? NULL : parse_node(p, &item);
        yaml_event_delete(&item);
        if (ended)
            break;
        if (value == NULL || !append(p, list, NULL, value->place, value))
            return NULL;
    }
    return list;
}

/* The key as text; NULL when it was refused and reported, and its value is to be dropped. */
static const char *read_key(parse *p, const scl_yaml *map, const scl_yaml *key, scl_place place,
                            bool is_alias)
{
    if (key->kind == SCL_YAML_INVALID)
        return NULL;
    if (key->kind != SCL_YAML_SCALAR || is_alias || key->text[0] == '\0') {
        scl_diagnostics_add(p->diagnostics, place, "expected a key such as `epochs`, found %s",
                            is_alias ? "an alias" : scl_yaml_describe(key, &p->diagnostics->arena));
        return NULL;
    }
    if (!key->quoted && strcmp(key->text, "<<") == 0) {
        scl_diagnostics_add(p->diagnostics, place,
                            "merge keys (`<<`) are not supported: write the keys out here");
        return NULL;
    }
    const scl_yaml_entry *first = scl_yaml_find(map, key->text);
    if (first == NULL)
        return key->text;
    const char *shown = scl_text_quote(&p->diagnostics->arena, key->text);
    if (p->source.is_argument)
        scl_diagnostics_add(p->diagnostics, place, "`%s` is given twice", shown);
    else
        scl_diagnostics_add(p->diagnostics, place,
                            "`%s` is given twice: it stands already in line %u, column %u", shown,
                            first->place.line, first->place.column);
    return NULL;
}

static scl_yaml *parse_map(parse *p, const yaml_event_t *event, scl_place place)
{
    refuse_tag(p, event->data.mapping_start.tag, place);
    scl_yaml *map = new_node(p, SCL_YAML_MAP, place);
    while (map != NULL) {
        yaml_event_t event_of_key;
        if (!next_event(p, &event_of_key))
            return NULL;
        bool ended = event_of_key.type == YAML_MAPPING_END_EVENT;
        bool is_alias = event_of_key.type == YAML_ALIAS_EVENT;
        scl_place place_of_key = scl_yaml_mark_place(&p->source, event_of_key.start_mark);
        scl_yaml *key = ended ? NULL : parse_node(p, &event_of_key);
        yaml_event_delete(&event_of_key);
        if (ended)
            break;
        scl_yaml *value = key != NULL ? parse_next(p) : NULL;
        if (value == NULL)
            return NULL;
        const char *name = read_key(p, map, key, place_of_key, is_alias);
        if (name != NULL && !append(p, map, name, place_of_key, value))
            return NULL;
    }
    return map;
}

static scl_yaml *parse_node(parse *p, yaml_event_t *event)
{
    scl_place place = scl_yaml_mark_place(&p->source, event->start_mark);
    if (event->type == YAML_ALIAS_EVENT)
        return expand_alias(p, (const char *)event->data.alias.anchor, place);
    if (!enter(p, place))
        return NULL;
    scl_yaml *node = NULL;
    const yaml_char_t *name = NULL;
    if (event->type == YAML_SCALAR_EVENT) {
        node = parse_scalar(p, event, place);
        name = event->data.scalar.anchor;
    } else if (event->type == YAML_SEQUENCE_START_EVENT) {
        node = parse_list(p, event, place);
        name = event->data.sequence_start.anchor;
    } else if (event->type == YAML_MAPPING_START_EVENT) {
        node = parse_map(p, event, place);
        name = event->data.mapping_start.anchor;
    }
    p->depth--;
    if (node != NULL)
        remember_anchor(p, name, node);
    return p->stopped ? NULL : node;
}

/* ------------------------------------------------------------------ the document */

static scl_yaml *refuse_empty(parse *p)
{
    scl_place place = {.file = p->source.label};
    if (p->source.is_argument) {
        scl_diagnostics_add(p->diagnostics, place,
                            "expected a value after `=`: write null for none");
        return NULL;
    }
    place.line = place.column = 1;
    scl_diagnostics_add(p->diagnostics, place,
                        "the file is empty: expected a run file, with keys such as `data:`");
    return NULL;
}

/* Reads up to and including the event that is wanted; false when another one comes. */
static bool expect_event(parse *p, yaml_event_type_t wanted, yaml_mark_t *mark)
{
    yaml_event_t event;
    if (!next_event(p, &event))
        return false;
    bool found = event.type == wanted;
    *mark = event.start_mark;
    yaml_event_delete(&event);
    return found;
}

static scl_yaml *parse_document(parse *p)
{
    yaml_mark_t mark;
    if (!expect_event(p, YAML_STREAM_START_EVENT, &mark))
        return NULL;
    if (!expect_event(p, YAML_DOCUMENT_START_EVENT, &mark))
        return p->stopped ? NULL : refuse_empty(p);
    scl_yaml *root = parse_next(p);
    if (root == NULL || !expect_event(p, YAML_DOCUMENT_END_EVENT, &mark))
        return NULL;
    if (!p->source.is_argument && scl_yaml_is_null(root))
        return refuse_empty(p);
    if (expect_event(p, YAML_STREAM_END_EVENT, &mark))
        return root;
    if (!p->stopped)
        scl_diagnostics_add(p->diagnostics, scl_yaml_mark_place(&p->source, mark),
                            "a second document starts here (`---`): a run file holds one");
    return NULL;
}

scl_yaml *scl_yaml_parse(scl_arena *arena, scl_yaml_source source, scl_diagnostics *diagnostics)
{
    if (source.size > SCL_YAML_MAX_BYTES) {
        scl_diagnostics_add(diagnostics, (scl_place){.file = source.label},
                            "expected a run file of at most 1 MiB, found %zu bytes", source.size);
        return NULL;
    }
    /* libyaml takes a byte order mark for a column, by which the lines below are less indented. */
    if (source.size >= strlen(BYTE_ORDER_MARK) &&
        memcmp(source.text, BYTE_ORDER_MARK, strlen(BYTE_ORDER_MARK)) == 0) {
        source.text += strlen(BYTE_ORDER_MARK);
        source.size -= strlen(BYTE_ORDER_MARK);
    }
    parse p = {.source = source, .arena = arena, .diagnostics = diagnostics};
    if (!yaml_parser_initialize(&p.parser)) {
        scl_diagnostics_out_of_memory(diagnostics, sizeof p.parser);
        return NULL;
    }
    /* Fixed, so that UTF-16 is reported as what it is instead of being guessed. */
    yaml_parser_set_encoding(&p.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&p.parser, (const unsigned char *)source.text, source.size);
    scl_yaml *root = parse_document(&p);
    yaml_parser_delete(&p.parser);
    scl_free(p.anchors);
    return root;
}

/* ------------------------------------------------------------------ reading the tree */

scl_yaml_entry *scl_yaml_find(const scl_yaml *node, const char *key)
{
    if (node == NULL || node->kind != SCL_YAML_MAP)
        return NULL;
    for (size_t i = 0; i < node->count; i++)
        if (strcmp(node->entries[i].key, key) == 0)
            return &node->entries[i];
    return NULL;
}

bool scl_yaml_is_null(const scl_yaml *node)
{
    return node == NULL ||
           (node->kind == SCL_YAML_SCALAR && !node->quoted && scl_text_is_null(node->text));
}

const char *scl_yaml_describe(const scl_yaml *node, scl_arena *arena)
{
    if (scl_yaml_is_null(node))
        return "nothing";
    if (node->kind == SCL_YAML_LIST)
        return "a list";
    if (node->kind != SCL_YAML_SCALAR)
        return "a map";
    double number;
    if (!node->quoted && (scl_text_read_double(node->text, &number) ||
                          strcmp(node->text, "true") == 0 || strcmp(node->text, "false") == 0))
        return scl_text_quote(arena, node->text);
    const char *text =
        scl_arena_printf(arena, "the text \"%s\"", scl_text_quote(arena, node->text));
    return text != NULL ? text : "a text";
}

void scl_yaml_write(const scl_yaml *node, scl_str *out)
{
    if (node->kind == SCL_YAML_INVALID || scl_yaml_is_null(node)) {
        scl_str_add(out, "null");
        return;
    }
    if (node->kind == SCL_YAML_SCALAR) {
        if (node->quoted)
            scl_text_write_string(out, node->text);
        else
            scl_text_write_plain(out, node->text);
        return;
    }
    bool is_map = node->kind == SCL_YAML_MAP;
    scl_str_add(out, is_map ? "{" : "[");
    for (size_t i = 0; i < node->count; i++) {
        scl_str_add(out, i > 0 ? ", " : "");
        if (is_map) {
            scl_text_write_string(out, node->entries[i].key);
            scl_str_add(out, ": ");
        }
        scl_yaml_write(node->entries[i].value, out);
    }
    scl_str_add(out, is_map ? "}" : "]");
}
