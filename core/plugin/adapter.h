/* adapter.h — one adapter of a run at one site. */
#ifndef SCL_PLUGIN_ADAPTER_H
#define SCL_PLUGIN_ADAPTER_H

#include "plugin/builder.h"
#include "plugin/run_plugins.h"

/* Whether it is asked about sites of this kind at all. */
bool scl_adapter_takes(const scl_run_plugin *adapter, uint32_t kind);
bool scl_adapter_wraps(const scl_run_plugin *adapter, const scl_site *site);
/* Whether it changes the tokens of a block, and not its output. */
bool scl_adapter_has_tokens(const scl_run_plugin *adapter, const scl_site *site);

/* Whether it wraps the site and a row of its result may come from others there. */
bool scl_adapter_mixes_rows(const scl_run_plugin *adapter, const scl_site *site);

/* Whether it trains the model's own parameter of this name. */
bool scl_adapter_trains(const scl_run_plugin *adapter, const char *parameter);

/* scl_plugin_builder_begin for it: what is built is named after both. */
bool scl_adapter_begin(scl_plugin_builder *builder, const scl_run_plugin *adapter, scl_graph *graph,
                       const scl_site *site);

#endif
