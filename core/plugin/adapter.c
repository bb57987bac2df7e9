#include "plugin/adapter.h"

#include "base/guest.h"

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
    if (!scl_adapter_takes(adapter, site->kind))
        return false;
    scl_guest outer = scl_guest_enter(adapter->file.path, "wraps");
    bool wraps = adapter->file.facts.adapter.wraps(adapter->params, &asked) != 0;
    scl_guest_leave(outer);
    return wraps;
}

bool scl_adapter_has_tokens(const scl_run_plugin *adapter, const scl_site *site)
{
    return site->kind == SCL_SITE_BLOCK && adapter->file.facts.adapter.tokens != NULL;
}

bool scl_adapter_mixes_rows(const scl_run_plugin *adapter, const scl_site *site)
{
    const scl_adapter_interface *functions = &adapter->file.facts.adapter;
    if (functions->mixes_rows == NULL || !scl_adapter_wraps(adapter, site))
        return false;
    scl_guest outer = scl_guest_enter(adapter->file.path, "mixes_rows");
    bool mixes = functions->mixes_rows(adapter->params, site) != 0;
    scl_guest_leave(outer);
    return mixes;
}

bool scl_adapter_trains(const scl_run_plugin *adapter, const char *parameter)
{
    const scl_adapter_interface *functions = &adapter->file.facts.adapter;
    if (functions->trains == NULL)
        return false;
    scl_guest outer = scl_guest_enter(adapter->file.path, "trains");
    bool trains = functions->trains(adapter->params, parameter) != 0;
    scl_guest_leave(outer);
    return trains;
}

bool scl_adapter_begin(scl_plugin_builder *builder, const scl_run_plugin *adapter, scl_graph *graph,
                       const scl_site *site)
{
    char who[SCL_PLUGIN_WHO];
    snprintf(who, sizeof who, "adapter %s at %s", adapter->label, site->name);
    bool begun = scl_plugin_builder_begin(builder, graph, &adapter->file, who, site->name);
    builder->run = adapter;
    return begun;
}
