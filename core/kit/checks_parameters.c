#include "kit/checks.h"

#include <stdio.h>
#include <string.h>

/* ------------------------------------------------------------------ params as text */

bool scl_kit_extreme(const scl_param *row, size_t which, scl_str *value)
{
    bool any = row->min == 0 && row->max == 0;
    double number = which == 0 ? (any ? 0 : row->min) : (any ? 1 : row->max);
    switch (row->type) {
    case SCL_PARAM_BOOL:
        scl_str_add(value, which == 0 ? "false" : "true");
        return which < 2;
    case SCL_PARAM_CHOICE:
        scl_str_add(value, "%s", row->choices[which] != NULL ? row->choices[which] : "");
        return row->choices[which] != NULL;
    case SCL_PARAM_INT:
    case SCL_PARAM_BYTES:
        scl_str_add(value, "%.0f", number);
        return which < 2;
    case SCL_PARAM_FLOAT:
        scl_str_add(value, "%.17g", number);
        return which < 2;
    case SCL_PARAM_INTS:
        scl_str_add(value, "[%.0f]", number);
        return which < 2;
    case SCL_PARAM_FLOATS:
        scl_str_add(value, "[%.17g]", number);
        return which < 2;
    case SCL_PARAM_STRING:
        scl_str_add(value, "\"*\"");
        return which < 1;
    default:
        scl_str_add(value, which == 0 ? "[\"*\"]" : "[]");
        return which < 2;
    }
}

void scl_kit_write_params(const scl_plugin *plugin, const char *key, const char *value,
                          scl_str *out)
{
    const char *comma = "";
    scl_str_add(out, "{");
    for (uint64_t i = 0; i < plugin->param_count; i++) {
        const scl_param *row = &plugin->params[i];
        bool given = key != NULL && strcmp(row->key, key) == 0;
        scl_str sample = {0};
        if (given)
            scl_str_add(&sample, "%s", value);
        else if (row->default_value == NULL)
            scl_kit_extreme(row, 0, &sample);
        if (sample.length > 0) {
            scl_str_add(out, "%s%s: %s", comma, row->key, sample.text);
            comma = ", ";
        }
        scl_str_free(&sample);
    }
    scl_str_add(out, "}");
}

/* ------------------------------------------------------------------ the checks */

scl_status scl_kit_descriptor(scl_kit *kit, scl_str *said, scl_error *err)
{
    scl_plugin_file file = {0};
    SCL_TRY(scl_plugin_open(kit->options->path, SCL_PLUGIN_ANY, &file, err));
    const scl_plugin *plugin = &file.facts.plugin;
    kit->kind = plugin->kind;
    scl_kit_write_params(plugin, NULL, NULL, &kit->params);
    scl_str_add(said, "%s %s %s, built for ABI %d.%d, with %d parameters",
                scl_plugin_kind_name(plugin->kind), plugin->id, plugin->version, plugin->abi_major,
                plugin->abi_minor, (int)plugin->param_count);
    scl_plugin_close(&file);
    const char *params = scl_str_text(&kit->params);
    return scl_kit_subject_open(&kit->subject, kit->options->path, kit->kind, &params, 1, err);
}

scl_status scl_kit_use(scl_kit *kit, scl_str *said, scl_error *err)
{
    scl_kit_scenes *scenes = &kit->scenes;
    SCL_TRY(scl_kit_scenes_find(&kit->subject, false, scenes, err));
    if (kit->kind == SCL_PLUGIN_ADAPTER)
        scl_str_add(said,
                    "with its defaults it wraps %zu sites of %zu forms, and trains %zu "
                    "parameters of the model's own",
                    scenes->wrapped, scenes->count, scenes->trained);
    for (size_t i = 0; i < scenes->count && kit->kind == SCL_PLUGIN_LOSS; i++)
        scl_str_add(said, "%s%s", i > 0 ? ", " : "it takes ", scenes->items[i].name);
    scl_str_add(said, "%s", scenes->refused);
    return SCL_OK;
}

/* Whether it can be built with these params, or says by `fail` why not. */
static scl_status try_params(scl_kit *kit, const char *params, size_t *built, scl_error *err)
{
    scl_kit_subject subject = {0};
    scl_error why = {0};
    scl_status status =
        scl_kit_subject_open(&subject, kit->options->path, kit->kind, &params, 1, &why);
    if (status != SCL_OK) {
        scl_kit_subject_close(&subject);
        return scl_fail(err, SCL_PLUGIN, "params: %s is not read: %s", params, why.text);
    }
    for (size_t i = 0; i < kit->scenes.count && status == SCL_OK; i++) {
        scl_kit_trial trial = {0};
        status =
            scl_kit_trial_build(&trial, &subject, &kit->scenes.items[i], (scl_kit_choice){0}, &why);
        scl_kit_trial_free(&trial);
    }
    *built += status == SCL_OK;
    scl_kit_subject_close(&subject);
    if (status == SCL_OK || status == SCL_BAD_CONFIG)
        return SCL_OK;
    return scl_fail(err, SCL_PLUGIN,
                    "params: %s must be built or refused by a sentence of `fail`, found: %s",
                    params, why.text);
}

scl_status scl_kit_parameters(scl_kit *kit, scl_str *said, scl_error *err)
{
    const scl_run_plugins *plugins = &kit->subject.plugins;
    const scl_run_plugin *own = kit->kind == SCL_PLUGIN_LOSS ? plugins->losses : plugins->adapters;
    const scl_plugin *plugin = &own->file.facts.plugin;
    size_t tried = 0, built = 0;
    scl_status status = SCL_OK;
    for (uint64_t i = 0; i < plugin->param_count; i++)
        for (size_t which = 0; status == SCL_OK; which++) {
            scl_str value = {0}, params = {0};
            bool more = scl_kit_extreme(&plugin->params[i], which, &value);
            scl_kit_write_params(plugin, plugin->params[i].key, scl_str_text(&value), &params);
            if (more)
                status = try_params(kit, scl_str_text(&params), &built, err);
            tried += more;
            scl_str_free(&value);
            scl_str_free(&params);
            if (!more)
                break;
        }
    scl_str_add(said,
                "of %zu extremes of %d parameters %zu are built and %zu refused with a reason",
                tried, (int)plugin->param_count, built, tried - built);
    return status;
}
