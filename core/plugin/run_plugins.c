#include "plugin/run_plugins.h"

#include "plugin/expression.h"

#include <stdio.h>
#include <string.h>

typedef struct opening {
    scl_run_config *config;
    size_t plugin_faults; /* mistakes in the diagnostics that are a plugin's, not the file's */
} opening;

static void complain_of_plugin(opening *o, const char *place, const char *text)
{
    size_t before = o->config->diagnostics.total;
    scl_run_config_complain(o->config, place, "%s", text);
    o->plugin_faults += o->config->diagnostics.total - before;
}

/* Where the run file says which plugin, and with what. */
typedef struct naming {
    const char *use;
    scl_schema_params *params;
    char use_path[SCL_ADAPTER_PATH], params_path[SCL_ADAPTER_PATH];
} naming;

/* SCL_OK also when there was a mistake, which is noted. */
static scl_status open_one(opening *o, const naming *n, scl_plugin_kind kind,
                           scl_run_plugin *plugin, scl_error *err)
{
    scl_error fault = {0};
    scl_status status = scl_plugin_open(n->use, kind, &plugin->file, &fault);
    if (status == SCL_PLUGIN) {
        complain_of_plugin(o, n->use_path, fault.text);
        return SCL_OK;
    }
    if (status != SCL_OK)
        return scl_fail(err, status, "%s", fault.text);
    const scl_plugin *facts = &plugin->file.facts.plugin;
    plugin->name = facts->id;
    plugin->params =
        scl_run_config_read_params(o->config, n->params, n->params_path, facts->params,
                                   (size_t)facts->param_count, (size_t)facts->params_size);
    return SCL_OK; /* without memory the config's end reports it */
}

/* Plugins of one name are told apart by a number. */
static void number_label(scl_run_config *config, scl_run_plugin *list, size_t index)
{
    scl_run_plugin *plugin = &list[index];
    size_t number = 1;
    plugin->label = plugin->name;
    for (size_t i = 0; plugin->name != NULL && i < index; i++)
        number += list[i].name != NULL && strcmp(list[i].name, plugin->name) == 0;
    if (number == 1)
        return;
    const char *label = scl_arena_printf(&config->arena, "%s_%zu", plugin->name, number);
    if (label == NULL)
        scl_diagnostics_out_of_memory(&config->diagnostics, strlen(plugin->name) + 24);
    else
        plugin->label = label;
}

static scl_status open_adapters(opening *o, scl_run_plugins *plugins, scl_error *err)
{
    size_t count = o->config->adapter.count;
    if (count == 0)
        return SCL_OK;
    plugins->adapters = scl_calloc(count, sizeof *plugins->adapters);
    if (plugins->adapters == NULL)
        return scl_out_of_memory(err, count * sizeof *plugins->adapters, "the adapters");
    plugins->adapter_count = count;
    for (size_t i = 0; i < count; i++) {
        scl_adapter_config *adapter = &o->config->adapter.items[i];
        naming n = {.use = adapter->use, .params = &adapter->params};
        scl_run_config_adapter_path(o->config, i, "use", n.use_path);
        scl_run_config_adapter_path(o->config, i, "params", n.params_path);
        scl_run_config_adapter_path(o->config, i, "params", plugins->adapters[i].path);
        plugins->adapters[i].config = o->config;
        /* `use: none` is complained of as such already */
        if (n.use != NULL && strcmp(n.use, "none") != 0)
            SCL_TRY(open_one(o, &n, SCL_PLUGIN_ADAPTER, &plugins->adapters[i], err));
        number_label(o->config, plugins->adapters, i);
    }
    return SCL_OK;
}

static scl_status open_loss(opening *o, size_t index, scl_run_plugin *plugin, scl_error *err)
{
    scl_loss_config *loss = &o->config->losses.items[index];
    naming n = {.use = loss->use, .params = &loss->params};
    snprintf(n.use_path, sizeof n.use_path, "losses[%zu].use", index);
    snprintf(n.params_path, sizeof n.params_path, "losses[%zu].params", index);
    snprintf(plugin->path, sizeof plugin->path, "losses[%zu]", index);
    plugin->config = o->config;
    plugin->weight = loss->weight;
    if (n.use != NULL) {
        SCL_TRY(open_one(o, &n, SCL_PLUGIN_LOSS, plugin, err));
    } else if (loss->expr != NULL) {
        SCL_TRY(scl_expression_open(o->config, index, &plugin->expression, &o->plugin_faults, err));
        plugin->name = scl_expression_label(loss->expr, &o->config->arena);
        if (plugin->name == NULL)
            scl_diagnostics_out_of_memory(&o->config->diagnostics, strlen(loss->expr));
    }
    if (loss->name != NULL)
        plugin->name = loss->name;
    return SCL_OK;
}

static scl_status open_losses(opening *o, scl_run_plugins *plugins, scl_error *err)
{
    size_t count = o->config->losses.count;
    plugins->losses = scl_calloc(count, sizeof *plugins->losses);
    if (plugins->losses == NULL)
        return scl_out_of_memory(err, count * sizeof *plugins->losses, "the losses");
    plugins->loss_count = count;
    for (size_t i = 0; i < count; i++) {
        SCL_TRY(open_loss(o, i, &plugins->losses[i], err));
        number_label(o->config, plugins->losses, i);
    }
    return SCL_OK;
}

static scl_status open_plugins(scl_run_config *config, bool with_losses, scl_run_plugins *plugins,
                               scl_error *err)
{
    opening o = {.config = config};
    plugins->config = config;
    SCL_TRY(open_adapters(&o, plugins, err));
    if (with_losses)
        SCL_TRY(open_losses(&o, plugins, err));
    size_t mistakes = config->diagnostics.total;
    scl_error found = {0};
    scl_status status = scl_run_config_finish(config, &found);
    if (status == SCL_BAD_CONFIG && mistakes == o.plugin_faults)
        status = SCL_PLUGIN;
    return status == SCL_OK ? SCL_OK : scl_fail(err, status, "%s", found.text);
}

scl_status scl_run_plugins_open(scl_run_config *config, scl_run_plugins *plugins, scl_error *err)
{
    return open_plugins(config, true, plugins, err);
}

scl_status scl_run_plugins_open_adapter(scl_run_config *config, scl_run_plugins *plugins,
                                        scl_error *err)
{
    return open_plugins(config, false, plugins, err);
}

void scl_run_plugins_close(scl_run_plugins *plugins)
{
    for (size_t i = 0; i < plugins->adapter_count; i++)
        scl_plugin_close(&plugins->adapters[i].file);
    for (size_t i = 0; i < plugins->loss_count; i++) {
        scl_plugin_close(&plugins->losses[i].file);
        scl_expression_close(plugins->losses[i].expression);
    }
    scl_free(plugins->adapters);
    scl_free(plugins->losses);
    for (size_t i = 0; i < plugins->site_count; i++)
        scl_free(plugins->sites[i].name);
    scl_free(plugins->sites);
    *plugins = (scl_run_plugins){0};
}
