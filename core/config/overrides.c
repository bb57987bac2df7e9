#include "config/overrides.h"

#include "config/text.h"
#include "config/yaml_path.h"

#include <string.h>

/* One setting on its way into the tree. */
typedef struct override {
    const char *path, *path_end, *value;
    scl_place place;
    scl_arena *arena;
    scl_diagnostics *diagnostics;
} override;

static void *out_of_memory(const override *o)
{
    scl_diagnostics_out_of_memory(o->diagnostics, sizeof(scl_yaml));
    return NULL;
}

/* The path from its start up to `here`, for messages. */
static const char *path_up_to(const override *o, const char *here)
{
    size_t length = (size_t)(here - o->path);
    while (length > 0 && o->path[length - 1] == '.')
        length--;
    const char *part = scl_arena_printf(&o->diagnostics->arena, "%.*s", (int)length, o->path);
    return part != NULL ? scl_text_quote(&o->diagnostics->arena, part) : "?";
}

/* A node of the kind the next step needs. A scalar, such as `none`, gives way; a map does not turn
 * into a list, nor a list into a map. */
static bool make_enterable(const override *o, scl_yaml *node, scl_yaml_step step, const char *here)
{
    scl_yaml_kind wanted = step.key != NULL ? SCL_YAML_MAP : SCL_YAML_LIST;
    if (node->kind == wanted)
        return true;
    if (node->kind == SCL_YAML_LIST) {
        const char *list = path_up_to(o, here);
        scl_diagnostics_add(o->diagnostics, o->place,
                            "`%s` is a list: expected the number of an item, as in %s[0]", list,
                            list);
        return false;
    }
    if (node->kind == SCL_YAML_MAP) {
        scl_diagnostics_add(o->diagnostics, o->place, "`%s` is a map: expected a key, found [%zu]",
                            path_up_to(o, here), step.index);
        return false;
    }
    *node = (scl_yaml){.kind = wanted, .place = o->place};
    return true;
}

/* The entry the step leads to, made (with the value null) where it is missing. */
static scl_yaml_entry *enter_or_make(const override *o, scl_yaml *node, scl_yaml_step step,
                                     const char *here)
{
    scl_yaml_entry *entry = scl_yaml_path_enter(node, step);
    if (entry != NULL)
        return entry;
    if (step.key == NULL && step.index > node->count) {
        scl_diagnostics_add(o->diagnostics, o->place,
                            "`%s` has no item [%zu]: the run file gives %zu, counted from 0; a "
                            "new one must be [%zu]",
                            path_up_to(o, here), step.index, node->count, node->count);
        if (node->count == 0)
            node->kind = SCL_YAML_INVALID; /* so that nothing more is said about it */
        return NULL;
    }
    scl_yaml *value = scl_yaml_new(o->arena, SCL_YAML_SCALAR, o->place);
    const char *key = NULL;
    if (step.key != NULL)
        key = scl_arena_printf(o->arena, "%.*s", (int)step.length, step.key);
    if (value == NULL || (step.key != NULL && key == NULL))
        return out_of_memory(o);
    value->text = "";
    if (!scl_yaml_append(o->arena, node, key, o->place, value))
        return out_of_memory(o);
    return &node->entries[node->count - 1];
}

/* The entry the whole path leads to; NULL when it is malformed or leads nowhere. */
static scl_yaml_entry *walk(const override *o, scl_yaml *root)
{
    const char *rest = o->path;
    scl_yaml *node = root;
    scl_yaml_entry *entry = NULL;
    for (int depth = 0;; depth++) {
        const char *here = rest;
        scl_yaml_step step;
        scl_yaml_path_state state = scl_yaml_path_next(&rest, o->path_end, &step);
        if (state == SCL_YAML_PATH_END && entry != NULL)
            return entry;
        if (state != SCL_YAML_PATH_STEP || depth == SCL_YAML_MAX_DEPTH) {
            scl_diagnostics_add(o->diagnostics, o->place,
                                "expected a path such as train.optimizer.lr or losses[0].weight "
                                "before `=`");
            return NULL;
        }
        if (!make_enterable(o, node, step, here))
            return NULL;
        entry = enter_or_make(o, node, step, here);
        if (entry == NULL)
            return NULL;
        node = entry->value;
    }
}

static void apply(const char *setting, scl_yaml *root, scl_arena *arena,
                  scl_diagnostics *diagnostics)
{
    const char *label = scl_arena_printf(arena, "command line: %s", scl_text_quote(arena, setting));
    override o = {.path = setting, .arena = arena, .diagnostics = diagnostics};
    if (label == NULL) {
        out_of_memory(&o);
        return;
    }
    o.place.file = label;
    o.path_end = strchr(setting, '=');
    if (o.path_end == NULL) {
        scl_diagnostics_add(diagnostics, o.place,
                            "expected a setting such as train.epochs=5, found no `=`");
        return;
    }
    o.value = o.path_end + 1;
    scl_yaml_source source = {
        .label = label, .text = o.value, .size = strlen(o.value), .is_argument = true};
    scl_yaml *value = scl_yaml_parse(arena, source, diagnostics);
    scl_yaml_entry *entry = value != NULL ? walk(&o, root) : NULL;
    if (entry == NULL)
        return;
    entry->place = o.place;
    entry->value = value;
}

void scl_overrides_apply(scl_yaml *root, const char *const *settings, size_t count,
                         scl_arena *arena, scl_diagnostics *diagnostics)
{
    for (size_t i = 0; i < count; i++)
        apply(settings[i], root, arena, diagnostics);
}
