/* builder.h — the function table of plugin.h over a graph, for one call into a plugin.
 *
 * Whatever a plugin passes is checked here, so that a faulty one leaves a sentence and no damage.
 * Errors stay in the graph, prefixed with who was called. They end as SCL_PLUGIN, or SCL_BAD_CONFIG
 * when the plugin itself said by `fail` that the run file asks for what it cannot do. */
#ifndef SCL_PLUGIN_BUILDER_H
#define SCL_PLUGIN_BUILDER_H

#include "base/guest.h"
#include "graph/ops.h"
#include "plugin/host.h"

struct scl_run_plugin;

typedef struct scl_plugin_builder {
    scl_builder table; /* what the plugin is given */
    scl_graph *graph;
    const scl_plugin_file *file; /* the plugin; outlives the graph */
    const char *site; /* an adapter's, whose parameters are named below it; NULL: none are made */
    /* Set after begin: what the run file says is to blame when it says that it cannot; NULL: what
     * was called has no place of its own there. */
    const struct scl_run_plugin *run;
    const char *outer_scope;
    scl_guest outer_guest;
} scl_plugin_builder;

#define SCL_PLUGIN_WHO 256 /* bytes that hold any `who` */

/* Fills `builder`, which must not move until the end, and makes `who` ("loss dice") the scope of
 * what is built. Until the end the plugin is the guest that runs. False when the graph has failed:
 * then neither call the plugin nor end. */
bool scl_plugin_builder_begin(scl_plugin_builder *builder, scl_graph *graph,
                              const scl_plugin_file *file, const char *who, const char *site);

/* What the plugin returned, once it is known to be a tensor of this graph; else NULL. */
scl_tensor *scl_plugin_builder_result(scl_plugin_builder *builder, scl_tensor *result);

/* For builder.c and own_op.c: whether a tensor, a shape, a name is one that may be used. A tensor
 * or a shape that is not leaves the reason in the graph. */
bool scl_plugin_builder_has(const scl_plugin_builder *builder, const scl_tensor *tensor);
bool scl_plugin_builder_shape(scl_plugin_builder *builder, const char *function, int32_t ndim,
                              const int64_t *dims, scl_shape *shape);

/* ---- own_op.c: the function `own` of the table */
scl_tensor *scl_plugin_builder_own(scl_builder *builder, const scl_own_op *passed,
                                   const scl_own_call *use, scl_tensor **outputs);

/* Ends the scope; errors since begin, also the caller's own, get their status. */
void scl_plugin_builder_end(scl_plugin_builder *builder);

#endif
