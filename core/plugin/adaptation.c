#include "plugin/adaptation.h"

#include "config/text.h"
#include "plugin/adapter.h"
#include "plugin/pattern_hint.h"

#include <stdio.h>
#include <string.h>

/* ------------------------------------------------------------------ what the model asks */

/* Asks every adapter, as each counts what it takes. */
static bool trains(void *user, const char *parameter)
{
    scl_run_plugins *plugins = user;
    bool any = scl_patterns_match(&plugins->config->train_also, parameter) != 0;
    for (size_t i = 0; i < plugins->adapter_count; i++) {
        scl_run_plugin *adapter = &plugins->adapters[i];
        bool by_adapter = scl_adapter_trains(adapter, parameter);
        adapter->trained += by_adapter;
        any |= by_adapter;
    }
    return any;
}

static void note_site(scl_run_plugins *plugins, const scl_site *site)
{
    for (size_t i = 0; i < plugins->site_count; i++)
        if (strcmp(plugins->sites[i].name, site->name) == 0)
            return;
    char *copy = scl_strdup(site->name);
    if (copy == NULL || !SCL_GROW(plugins->sites, plugins->site_count, plugins->site_capacity)) {
        scl_free(copy);
        plugins->sites_lost = true;
        return;
    }
    plugins->sites[plugins->site_count++] = (scl_run_site){copy, site->kind};
}

static bool wraps(void *user, const scl_site *site)
{
    scl_run_plugins *plugins = user;
    bool any = false;
    note_site(plugins, site);
    for (size_t i = 0; i < plugins->adapter_count; i++) {
        bool wrapped = scl_adapter_wraps(&plugins->adapters[i], site);
        plugins->adapters[i].wrapped += wrapped;
        any |= wrapped;
    }
    return any;
}

static scl_tensor *check_result(scl_graph *g, scl_tensor *result, scl_shape wanted)
{
    char a[SCL_SHAPE_TEXT], c[SCL_SHAPE_TEXT];
    if (result == NULL || (result->dtype == SCL_F32 && scl_shape_equal(result->shape, wanted)))
        return result;
    return scl_graph_fail(
        g, "it must return the layer's output, float32 of shape %s, returned %s of shape %s",
        scl_shape_text(wanted, a), result->dtype == SCL_F32 ? "float32" : "int32",
        scl_shape_text(result->shape, c));
}

static scl_tensor *attach_one(const scl_run_plugin *adapter, scl_graph *g, const scl_site *site,
                              scl_tensor *x, scl_tensor *y)
{
    scl_plugin_builder b;
    if (!scl_adapter_begin(&b, adapter, g, site))
        return NULL;
    scl_tensor *result = adapter->file.facts.adapter.attach(&b.table, adapter->params, site, x, y);
    result = check_result(g, scl_plugin_builder_result(&b, result), y->shape);
    scl_plugin_builder_end(&b);
    return result;
}

static scl_tensor *attach(void *user, scl_graph *g, const scl_site *site, scl_tensor *x,
                          scl_tensor *y)
{
    const scl_run_plugins *plugins = user;
    for (size_t i = 0; i < plugins->adapter_count && y != NULL; i++)
        if (scl_adapter_wraps(&plugins->adapters[i], site) &&
            !scl_adapter_has_tokens(&plugins->adapters[i], site))
            y = attach_one(&plugins->adapters[i], g, site, x, y);
    return y;
}

static scl_tensor *tokens_of(const scl_run_plugin *adapter, scl_graph *g, const scl_site *site)
{
    scl_plugin_builder b;
    char text[SCL_SHAPE_TEXT];
    if (!scl_adapter_begin(&b, adapter, g, site))
        return NULL;
    scl_tensor *result = adapter->file.facts.adapter.tokens(&b.table, adapter->params, site);
    result = scl_plugin_builder_result(&b, result);
    if (result != NULL && (result->dtype != SCL_F32 || result->shape.ndim != 2 ||
                           result->shape.dim[1] != site->in_features))
        result = scl_graph_fail(g, "it must return tokens, float32 [T, %lld], returned shape %s",
                                (long long)site->in_features, scl_shape_text(result->shape, text));
    scl_plugin_builder_end(&b);
    return result;
}

static scl_tensor *tokens(void *user, scl_graph *g, const scl_site *site)
{
    const scl_run_plugins *plugins = user;
    scl_tensor *all = NULL;
    for (size_t i = 0; i < plugins->adapter_count; i++) {
        const scl_run_plugin *adapter = &plugins->adapters[i];
        if (!scl_adapter_has_tokens(adapter, site) || !scl_adapter_wraps(adapter, site))
            continue;
        scl_tensor *both[] = {all, tokens_of(adapter, g, site)};
        all = all != NULL ? scl_concat(g, both, 2, 0) : both[1];
    }
    return all;
}

static bool mixes_rows(void *user, const scl_site *site)
{
    const scl_run_plugins *plugins = user;
    bool any = false;
    for (size_t i = 0; i < plugins->adapter_count; i++)
        any |= scl_adapter_mixes_rows(&plugins->adapters[i], site);
    return any;
}

scl_adaptation scl_run_plugins_adaptation(scl_run_plugins *plugins)
{
    bool wrapping = false;
    for (size_t i = 0; i < plugins->adapter_count; i++)
        wrapping |= plugins->adapters[i].file.facts.adapter.wraps != NULL;
    return (scl_adaptation){.user = plugins,
                            .trains = trains,
                            .wraps = wrapping ? wraps : NULL,
                            .attach = wrapping ? attach : NULL,
                            .mixes_rows = wrapping ? mixes_rows : NULL,
                            .tokens = wrapping ? tokens : NULL};
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
        char path[SCL_ADAPTER_PATH + 32];
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

/* The names of the sites that the adapter can wrap; free with scl_free. */
static const char **site_names(const scl_run_plugins *plugins, const scl_run_plugin *adapter,
                               size_t *count)
{
    const char **names = scl_calloc(plugins->site_count, sizeof *names);
    *count = 0;
    for (size_t i = 0; names != NULL && i < plugins->site_count; i++)
        if (scl_adapter_takes(adapter, plugins->sites[i].kind))
            names[(*count)++] = plugins->sites[i].name;
    return names;
}

/* An adapter's lists of texts named `sites` and `parameters` are patterns, see plugin.h. */
static void check_adapter_lists(scl_run_plugins *plugins, size_t index, name_set sites,
                                name_set parameters)
{
    const scl_run_plugin *adapter = &plugins->adapters[index];
    const scl_plugin *facts = &adapter->file.facts.plugin;
    for (uint64_t i = 0; adapter->params != NULL && i < facts->param_count; i++) {
        const scl_param *row = &facts->params[i];
        bool of_sites = strcmp(row->key, "sites") == 0;
        if (row->type != SCL_PARAM_STRINGS || (!of_sites && strcmp(row->key, "parameters") != 0))
            continue;
        char key[32], list[SCL_ADAPTER_PATH];
        scl_param_strings patterns;
        snprintf(key, sizeof key, "params.%s", row->key);
        scl_run_config_adapter_path(plugins->config, index, key, list);
        memcpy(&patterns, (const char *)adapter->params + row->offset, sizeof patterns);
        check_patterns(plugins->config, list, row->key, &patterns, of_sites ? sites : parameters);
    }
}

static void complain_of_idle(scl_run_plugins *plugins, size_t index, name_set sites)
{
    const scl_run_plugin *adapter = &plugins->adapters[index];
    if (adapter->file.facts.adapter.wraps != NULL)
        scl_run_config_complain(plugins->config, adapter->path,
                                "the adapter `%s` changes nothing: it wraps no %s, and one's name "
                                "is such as `%s`",
                                adapter->label, sites.what, sites.count > 0 ? sites.names[0] : "");
    else
        scl_run_config_complain(plugins->config, adapter->path,
                                "the adapter `%s` changes nothing: it trains no parameter of this "
                                "model",
                                adapter->label);
}

static scl_status check_adapters(scl_run_plugins *plugins, name_set parameters, scl_error *err)
{
    const scl_diagnostics *diagnostics = &plugins->config->diagnostics;
    for (size_t i = 0; i < plugins->adapter_count; i++) {
        const scl_run_plugin *adapter = &plugins->adapters[i];
        size_t before = diagnostics->total;
        name_set sites = {.what = adapter->file.facts.adapter.kinds == 0 ? "linear layer" : "site"};
        const char **names = site_names(plugins, adapter, &sites.count);
        if (names == NULL)
            return scl_out_of_memory(err, plugins->site_count * sizeof *names, "names");
        sites.names = names;
        check_adapter_lists(plugins, i, sites, parameters);
        if (adapter->trained + adapter->wrapped == 0 && diagnostics->total == before)
            complain_of_idle(plugins, i, sites);
        scl_free(names);
    }
    return SCL_OK;
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
        status = check_adapters(plugins, all, err);
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
