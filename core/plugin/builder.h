/* builder.h — the function table of plugin.h over a graph, for one call into a plugin.
 *
 * Whatever a plugin passes is checked here, so that a faulty one leaves a sentence and no damage.
 * Errors stay in the graph, prefixed with who was called. They end as SCL_PLUGIN, or SCL_BAD_CONFIG
 * when the plugin itself said by `fail` that the run file asks for what it cannot do. */
#ifndef SCL_PLUGIN_BUILDER_H
#define SCL_PLUGIN_BUILDER_H

#include "graph/ops.h"

typedef struct scl_plugin_builder {
    scl_builder table; /* what the plugin is given */
    scl_graph *graph;
    const char *site; /* parameters are named below it; NULL: the plugin may make none */
    const char *outer_scope;
} scl_plugin_builder;

#define SCL_PLUGIN_WHO 256 /* bytes that hold any `who` */

/* Fills `builder`, which must not move until the end, and makes `who` ("loss dice") the scope of
 * what is built. False when the graph has failed: then neither call the plugin nor end. */
bool scl_plugin_builder_begin(scl_plugin_builder *builder, scl_graph *graph, const char *who,
                              const char *site);

/* What the plugin returned, once it is known to be a tensor of this graph; else NULL. */
scl_tensor *scl_plugin_builder_result(scl_plugin_builder *builder, scl_tensor *result);

/* Ends the scope; errors since begin, also the caller's own, get their status. */
void scl_plugin_builder_end(scl_plugin_builder *builder);

#endif
