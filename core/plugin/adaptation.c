#include "plugin/adaptation.h"

#include "config/text.h"
#include "plugin/builder.h"
#include "plugin/pattern_hint.h"

#include <stdio.h>
#include <string.h>

/* ------------------------------------------------------------------ what the model asks */

static bool trains(void *user, const char *parameter)
{
    scl_run_plugins *plugins = user;
    const scl_run_plugin *adapter = &plugins->adapter;
    bool by_adapter = adapter->file.facts.adapter.trains != NULL &&
                      adapter->file.facts.adapter.trains(adapter->params, parameter) != 0;
    plugins->trained += by_adapter;
    return by_adapter || scl_patterns_match(&plugins->config->train_also, parameter) != 0;
}

static void note_site(scl_run_plugins *plugins, const char *name)
{
    for (size_t i = 0; i < plugins->site_count; i++)
        if (strcmp(plugins->sites[i], name) == 0)
            return;
    char *copy = scl_strdup(name);
    if (copy == NULL || !SCL_GROW(plugins->sites, plugins->site_count, plugins->site_capacity)) {
        scl_free(copy);
        plugins->sites_lost = true;
        return;
    }
    plugins->sites[plugins->site_count++] = copy;
}

static bool wraps(void *user, const scl_site *site)
{
    scl_run_plugins *plugins = user;
    const scl_run_plugin *adapter = &plugins->adapter;
    note_site(plugins, site->name);
    bool wrapped = adapter->file.facts.adapter.wraps(adapter->params, site) != 0;
    plugins->wrapped += wrapped;
    return wrapped;
}

static scl_tensor *attach(void *user, scl_graph *g, const scl_site *site, scl_tensor *x,
                          scl_tensor *y)
{
    const scl_run_plugin *adapter = &((const scl_run_plugins *)user)->adapter;
    scl_plugin_builder b;
    char who[SCL_PLUGIN_WHO], a[SCL_SHAPE_TEXT], c[SCL_SHAPE_TEXT];
    snprintf(who, sizeof who, "adapter %s at %s", adapter->label, site->name);
    if (!scl_plugin_builder_begin(&b, g, &adapter->file, who, site->name))
        return NULL;
    scl_tensor *result = adapter->file.facts.adapter.attach(&b.table, adapter->params, site, x, y);
    result = scl_plugin_builder_result(&b, result);
    if (result != NULL && (result->dtype != SCL_F32 || !scl_shape_equal(result->shape, y->shape)))
        result = scl_graph_fail(g,
                                "it must return the layer's output, float32 of shape %s, "
                                "returned %s of shape %s",
                                scl_shape_text(y->shape, a),
                                result->dtype == SCL_F32 ? "float32" : "int32",
                                scl_shape_text(result->shape, c));
    scl_plugin_builder_end(&b);
    return result;
}

static bool mixes_rows(void *user, const scl_site *site)
{
    const scl_run_plugin *adapter = &((const scl_run_plugins *)user)->adapter;
    return adapter->file.facts.adapter.mixes_rows(adapter->params, site) != 0;
}

scl_adaptation scl_run_plugins_adaptation(scl_run_plugins *plugins)
{
    const scl_adapter_interface *adapter = &plugins->adapter.file.facts.adapter;
    bool wrapping = adapter->wraps != NULL, mixing = wrapping && adapter->mixes_rows != NULL;
    return (scl_adaptation){.user = plugins,
                            .trains = trains,
                            .wraps = wrapping ? wraps : NULL,
                            .attach = wrapping ? attach : NULL,
                            .mixes_rows = mixing ? mixes_rows : NULL};
}

/* ------------------------------------------------------------------ does it mean anything */

/* The names of all parameters, or of the trained ones; free with scl_free. */
static const char **parameter_names(const scl_graph *catalog, bool trained, size_t *count)
{
    const char **names = scl_calloc(catalog->tensor_count, sizeof *names);
    *count = 0;
    for (size_t i = 0; names != NULL && i < catalog->tensor_count; i++) {
        const scl_tensor *tensor = catalog->tensors[i];
        if (tensor->kind == SCL_TENSOR_PARAM && (tensor->trained || !trained))
            names[(*count)++] = tensor->name;
    }
    return names;
}

static bool matches_any(const char *pattern, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (scl_pattern_matches(pattern, names[i]))
            return true;
    return false;
}

/* What patterns are held against. */
typedef struct name_set {
    const char *what; /* "parameter" */
    const char *const *names;
    size_t count;
} name_set;

/* `key` is the last part of the path. */
static void check_pattern(scl_run_config *config, const char *path, const char *key,
                          const char *pattern, name_set set)
{
    if (set.count == 0 || matches_any(pattern, set.names, set.count))
        return;
    scl_str hint = {0};
    scl_pattern_hint(pattern, set.names, set.count, &hint);
    scl_run_config_complain(config, path, "`%s` matches no %s with \"%s\"%s", key, set.what,
                            scl_text_quote(&config->diagnostics.arena, pattern),
                            scl_str_text(&hint));
    scl_str_free(&hint);
}

static void check_patterns(scl_run_config *config, const char *list, const char *key,
                           const scl_param_strings *patterns, name_set set)
{
    for (uint64_t i = 0; i < patterns->count; i++) {
        char path[96];
        snprintf(path, sizeof path, "%s[%zu]", list, (size_t)i);
        check_pattern(config, path, key, patterns->items[i], set);
    }
}

static void check_groups(scl_run_config *config, name_set set)
{
    for (size_t i = 0; i < config->train.param_groups.count; i++) {
        char path[64];
        snprintf(path, sizeof path, "train.param_groups[%zu].match", i);
        check_pattern(config, path, "match", config->train.param_groups.items[i].match, set);
    }
}

/* An adapter's lists of texts named `sites` and `parameters` are patterns, see plugin.h. */
static void check_adapter_lists(scl_run_plugins *plugins, name_set parameters)
{
    const scl_plugin *facts = &plugins->adapter.file.facts.plugin;
    const name_set sites = {"linear layer", (const char *const *)plugins->sites,
                            plugins->site_count};
    for (uint64_t i = 0; plugins->adapter.params != NULL && i < facts->param_count; i++) {
        const scl_param *row = &facts->params[i];
        bool of_sites = strcmp(row->key, "sites") == 0;
        if (row->type != SCL_PARAM_STRINGS || (!of_sites && strcmp(row->key, "parameters") != 0))
            continue;
        char list[64];
        scl_param_strings patterns;
        snprintf(list, sizeof list, "adapter.params.%s", row->key);
        memcpy(&patterns, (const char *)plugins->adapter.params + row->offset, sizeof patterns);
        check_patterns(plugins->config, list, row->key, &patterns, of_sites ? sites : parameters);
    }
}

static void check_adapter(scl_run_plugins *plugins, name_set parameters)
{
    scl_run_config *config = plugins->config;
    if (plugins->adapter.file.handle == NULL)
        return;
    size_t before = config->diagnostics.total;
    check_adapter_lists(plugins, parameters);
    if (plugins->trained + plugins->wrapped > 0 || config->diagnostics.total > before)
        return;
    if (plugins->adapter.file.facts.adapter.wraps != NULL)
        scl_run_config_complain(config, "adapter.params",
                                "the adapter `%s` changes nothing: it wraps no linear layer, and a "
                                "layer's name is such as `%s`",
                                plugins->adapter.label,
                                plugins->site_count > 0 ? plugins->sites[0] : "");
    else
        scl_run_config_complain(config, "adapter.params",
                                "the adapter `%s` changes nothing: it trains no parameter of this "
                                "model",
                                plugins->adapter.label);
}

scl_status scl_run_plugins_check_model(scl_run_plugins *plugins, const scl_graph *catalog,
                                       scl_error *err)
{
    name_set all = {.what = "parameter"}, trained = {.what = "trained parameter"};
    const char **names = parameter_names(catalog, false, &all.count);
    const char **trained_names = parameter_names(catalog, true, &trained.count);
    all.names = names;
    trained.names = trained_names;
    scl_status status = SCL_OK;
    if (names == NULL || trained_names == NULL || plugins->sites_lost) {
        status = scl_out_of_memory(err, catalog->tensor_count * sizeof *names, "names");
    } else {
        check_patterns(plugins->config, "train_also", "train_also", &plugins->config->train_also,
                       all);
        check_adapter(plugins, all);
        check_groups(plugins->config, trained);
    }
    scl_free(names);
    scl_free(trained_names);
    return status == SCL_OK ? scl_run_config_finish(plugins->config, err) : status;
}

scl_status scl_run_plugins_check_groups(const scl_run_plugins *plugins, scl_tensor *const *trained,
                                        size_t count, scl_error *err)
{
    const char **names = scl_calloc(count, sizeof *names);
    if (names == NULL)
        return scl_out_of_memory(err, count * sizeof *names, "names");
    for (size_t i = 0; i < count; i++)
        names[i] = trained[i]->name;
    check_groups(plugins->config, (name_set){"parameter that a loss reaches", names, count});
    scl_free(names);
    return scl_run_config_finish(plugins->config, err);
}
