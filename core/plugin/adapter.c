#include "plugin/adapter.h"

#include <stdio.h>

bool scl_adapter_takes(const scl_run_plugin *adapter, uint32_t kind)
{
    const scl_adapter_interface *functions = &adapter->file.facts.adapter;
    uint32_t kinds = functions->kinds != 0 ? functions->kinds : 1U << SCL_SITE_LINEAR;
    return functions->wraps != NULL && (kinds & 1U << kind) != 0;
}

bool scl_adapter_wraps(const scl_run_plugin *adapter, const scl_site *site)
{
    scl_site asked = *site;
    asked.weight = asked.bias = NULL;
    return scl_adapter_takes(adapter, site->kind) &&
           adapter->file.facts.adapter.wraps(adapter->params, &asked) != 0;
}

bool scl_adapter_has_tokens(const scl_run_plugin *adapter, const scl_site *site)
{
    return site->kind == SCL_SITE_BLOCK && adapter->file.facts.adapter.tokens != NULL;
}

bool scl_adapter_mixes_rows(const scl_run_plugin *adapter, const scl_site *site)
{
    const scl_adapter_interface *functions = &adapter->file.facts.adapter;
    return functions->mixes_rows != NULL && scl_adapter_wraps(adapter, site) &&
           functions->mixes_rows(adapter->params, site) != 0;
}

bool scl_adapter_begin(scl_plugin_builder *builder, const scl_run_plugin *adapter, scl_graph *graph,
                       const scl_site *site)
{
    char who[SCL_PLUGIN_WHO];
    snprintf(who, sizeof who, "adapter %s at %s", adapter->label, site->name);
    return scl_plugin_builder_begin(builder, graph, &adapter->file, who, site->name);
}
