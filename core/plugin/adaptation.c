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

static bool wraps(void *user, const scl_site *site)
{
    scl_run_plugins *plugins = user;
    const scl_run_plugin *adapter = &plugins->adapter;
    if (plugins->site[0] == '\0')
        snprintf(plugins->site, sizeof plugins->site, "%s", site->name);
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
    if (!scl_plugin_builder_begin(&b, g, who, site->name))
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

scl_adaptation scl_run_plugins_adaptation(scl_run_plugins *plugins)
{
    bool wrapping = plugins->adapter.file.facts.adapter.wraps != NULL;
    return (scl_adaptation){.user = plugins,
                            .trains = trains,
                            .wraps = wrapping ? wraps : NULL,
                            .attach = wrapping ? attach : NULL};
}

/* ------------------------------------------------------------------ does it mean anything */

/* The names of all parameters; free with scl_free. */
static const char **parameter_names(const scl_graph *catalog, size_t *count)
{
    const char **names = scl_calloc(catalog->tensor_count, sizeof *names);
    *count = 0;
    for (size_t i = 0; names != NULL && i < catalog->tensor_count; i++)
        if (catalog->tensors[i]->kind == SCL_TENSOR_PARAM)
            names[(*count)++] = catalog->tensors[i]->name;
    return names;
}

static bool matches_any(const char *pattern, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (scl_pattern_matches(pattern, names[i]))
            return true;
    return false;
}

static void check_patterns(scl_run_config *config, const char *const *names, size_t count)
{
    const scl_param_strings *patterns = &config->train_also;
    for (uint64_t i = 0; i < patterns->count; i++) {
        if (matches_any(patterns->items[i], names, count))
            continue;
        char path[64];
        scl_str hint = {0};
        snprintf(path, sizeof path, "train_also[%zu]", (size_t)i);
        scl_pattern_hint(patterns->items[i], names, count, &hint);
        scl_run_config_complain(config, path, "`train_also` matches no parameter with \"%s\"%s",
                                scl_text_quote(&config->diagnostics.arena, patterns->items[i]),
                                scl_str_text(&hint));
        scl_str_free(&hint);
    }
}

scl_status scl_run_plugins_check_model(scl_run_plugins *plugins, const scl_graph *catalog,
                                       scl_error *err)
{
    size_t count;
    const char **names = parameter_names(catalog, &count);
    if (names == NULL)
        return scl_out_of_memory(err, catalog->tensor_count * sizeof *names, "parameter names");
    if (count > 0)
        check_patterns(plugins->config, names, count);
    scl_free(names);
    bool idle = plugins->adapter.file.handle != NULL && plugins->trained + plugins->wrapped == 0;
    if (idle && plugins->adapter.file.facts.adapter.wraps != NULL)
        scl_run_config_complain(plugins->config, "adapter.params",
                                "the adapter `%s` changes nothing: it wraps no linear layer, and a "
                                "layer's name is such as `%s`",
                                plugins->adapter.label, plugins->site);
    else if (idle)
        scl_run_config_complain(plugins->config, "adapter.params",
                                "the adapter `%s` changes nothing: it trains no parameter of this "
                                "model",
                                plugins->adapter.label);
    return scl_run_config_finish(plugins->config, err);
}
