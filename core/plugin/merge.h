/* merge.h — adapters that change weights, put into the weights. */
#ifndef SCL_PLUGIN_MERGE_H
#define SCL_PLUGIN_MERGE_H

#include "model/model.h"
#include "plugin/run_plugins.h"

/* Puts what the run's adapters do into the weights of the layers they wrap: model->store then
 * holds, under the base's names, a model that gives the same without them. Their own parameters
 * stay in the store and mean nothing any more. The model was opened with
 * scl_run_plugins_adaptation(plugins), and computes on its device.
 *
 * SCL_BAD_CONFIG when an adapter cannot be merged, with its name, where and why; then, as after any
 * error but that of the device, nothing has changed. */
scl_status scl_adapters_merge(scl_run_plugins *plugins, scl_model *model, scl_error *err);

#endif
