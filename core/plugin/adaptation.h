/* adaptation.h — a run's adapters and its train_also, as the model's builders ask for them. */
#ifndef SCL_PLUGIN_ADAPTATION_H
#define SCL_PLUGIN_ADAPTATION_H

#include "model/sam.h"
#include "plugin/run_plugins.h"

/* What is trained: the parameters the adapters say, those that match a pattern of train_also, and
 * all that the adapters make at their sites. At a site they follow one another in the order of the
 * run file. The result borrows `plugins`, which must not move. A plugin's error is left in the
 * graph: SCL_PLUGIN, or SCL_BAD_CONFIG when it does not fit its parameters. */
scl_adaptation scl_run_plugins_adaptation(scl_run_plugins *plugins);

/* Whether the run file's patterns and adapters mean anything for a model: `catalog` is what
 * scl_sam_catalog built with the adaptation. SCL_BAD_CONFIG with the place in the run file for each
 * pattern of train_also, of an adapter's `sites` or `parameters` and of param_groups that matches
 * nothing, and for an adapter that changes nothing. */
scl_status scl_run_plugins_check_model(scl_run_plugins *plugins, const scl_graph *catalog,
                                       scl_error *err);

/* The same for param_groups once it is known which trained parameters the losses reach. */
scl_status scl_run_plugins_check_groups(const scl_run_plugins *plugins, scl_tensor *const *trained,
                                        size_t count, scl_error *err);

#endif
