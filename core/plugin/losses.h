/* losses.h — the weighted sum of a run's losses, in a graph. */
#ifndef SCL_PLUGIN_LOSSES_H
#define SCL_PLUGIN_LOSSES_H

#include "graph/ops.h"
#include "plugin/run_plugins.h"

typedef struct scl_losses {
    scl_tensor *total; /* [1]: the sum of weight_k * parts[k] */
    scl_tensor *parts; /* [count], each before its weight: of plugins->losses, in their order, then
                          the terms that the adapter added, one of each label, of weight 1 */
    const char **labels; /* [count], in the graph's arena or the plugins' */
    int64_t count;
} scl_losses;

/* Part k is the sum over masks of mask_weight ([M], usually 1 / M each) times what the plugin
 * returns for the mask. A loss of weight 0 is computed for `parts` only. All NULL on error, which
 * scl_graph_status reports: SCL_BAD_CONFIG when a loss does not fit the task or its parameters,
 * SCL_PLUGIN when the plugin is at fault. */
scl_losses scl_losses_build(const scl_run_plugins *plugins, scl_graph *graph,
                            const scl_loss_inputs *inputs, scl_tensor *mask_weight);

#endif
