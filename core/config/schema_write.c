#include "config/schema.h"
#include "config/text.h"

#include <string.h>

static void write_block(const scl_schema *schema, const void *base, int indent, scl_str *out);
static void write_flow(const scl_schema *schema, const void *base, scl_str *out);

static bool is_given(const scl_schema_child *child, const void *base)
{
    int32_t given;
    memcpy(&given, (const char *)base + child->offset, sizeof given);
    return given != 0;
}

static void write_params(const scl_schema_params *params, scl_str *out)
{
    if (params->values != NULL) {
        const scl_schema table = {.params = params->table, .param_count = params->table_count};
        write_flow(&table, params->values, out);
    } else if (params->node != NULL) {
        scl_yaml_write(params->node, out);
    } else {
        scl_str_add(out, "{}");
    }
}

static void write_flow_child(const scl_schema_child *child, const void *base, scl_str *out)
{
    const void *field = (const char *)base + child->offset;
    scl_schema_params params;
    scl_schema_list list;
    switch (child->kind) {
    case SCL_CHILD_MAP:
        write_flow(child->schema, field, out);
        break;
    case SCL_CHILD_MAPS:
    case SCL_CHILD_SOME:
        memcpy(&list, field, sizeof list);
        scl_str_add(out, "[");
        for (size_t i = 0; i < list.count; i++) {
            scl_str_add(out, "%s", i > 0 ? ", " : "");
            write_flow(child->schema, (char *)list.items + i * child->schema->size, out);
        }
        scl_str_add(out, "]");
        break;
    case SCL_CHILD_PARAMS:
        memcpy(&params, field, sizeof params);
        write_params(&params, out);
        break;
    }
}

/* {key: value, …}, without the maps that are absent. */
static void write_flow(const scl_schema *schema, const void *base, scl_str *out)
{
    const char *separator = "";
    scl_str_add(out, "{");
    for (size_t i = 0; i < schema->param_count; i++) {
        scl_str_add(out, "%s%s: ", separator, schema->params[i].key);
        scl_value_write(&schema->params[i], base, out);
        separator = ", ";
    }
    for (size_t i = 0; i < schema->child_count; i++) {
        const scl_schema_child *child = &schema->children[i];
        if (child->kind == SCL_CHILD_MAP && !is_given(child, base))
            continue;
        scl_str_add(out, "%s%s: ", separator, child->key);
        write_flow_child(child, base, out);
        separator = ", ";
    }
    scl_str_add(out, "}");
}

static void write_list(const scl_schema_child *child, const void *base, int indent, scl_str *out)
{
    scl_schema_list list;
    memcpy(&list, (const char *)base + child->offset, sizeof list);
    scl_str_add(out, "%*s%s:%s\n", indent, "", child->key, list.count == 0 ? " []" : "");
    for (size_t i = 0; i < list.count; i++) {
        scl_str_add(out, "%*s- ", indent + 2, "");
        write_flow(child->schema, (char *)list.items + i * child->schema->size, out);
        scl_str_add(out, "\n");
    }
}

/* A list of one as its map, so that settings reach it by the same path as in most run files. */
static void write_some(const scl_schema_child *child, const void *base, int indent, scl_str *out)
{
    scl_schema_list list;
    memcpy(&list, (const char *)base + child->offset, sizeof list);
    if (list.count > 1) {
        write_list(child, base, indent, out);
    } else if (list.count == 0) {
        scl_str_add(out, "%*s%s: %s\n", indent, "", child->key, child->absent);
    } else {
        scl_str_add(out, "%*s%s:\n", indent, "", child->key);
        write_block(child->schema, list.items, indent + 2, out);
    }
}

static void write_child(const scl_schema_child *child, const void *base, int indent, scl_str *out)
{
    scl_str_add(out, "%*s# %s\n", indent, "", child->help);
    if (child->kind == SCL_CHILD_MAPS) {
        write_list(child, base, indent, out);
    } else if (child->kind == SCL_CHILD_SOME) {
        write_some(child, base, indent, out);
    } else if (child->kind == SCL_CHILD_MAP && !is_given(child, base)) {
        scl_str_add(out, "%*s%s: %s\n", indent, "", child->key,
                    child->absent != NULL ? child->absent : "null");
    } else if (child->kind == SCL_CHILD_MAP) {
        scl_str_add(out, "%*s%s:\n", indent, "", child->key);
        write_block(child->schema, (const char *)base + child->offset, indent + 2, out);
    } else {
        scl_str_add(out, "%*s%s: ", indent, "", child->key);
        write_flow_child(child, base, out);
        scl_str_add(out, "\n");
    }
}

static void write_block(const scl_schema *schema, const void *base, int indent, scl_str *out)
{
    for (size_t i = 0; i < schema->param_count; i++) {
        const scl_param *param = &schema->params[i];
        scl_str_add(out, "%*s# %s\n%*s%s: ", indent, "", param->help, indent, "", param->key);
        scl_value_write(param, base, out);
        scl_str_add(out, "\n");
    }
    for (size_t i = 0; i < schema->child_count; i++) {
        scl_str_add(out, "%s", indent == 0 ? "\n" : "");
        write_child(&schema->children[i], base, indent, out);
    }
}

void scl_schema_write(const scl_schema *schema, const void *base, scl_str *out)
{
    write_block(schema, base, 0, out);
}
