/* start.h — a training that goes on from an adapter of any layout: `adapter_from` of the run file.
 */
#ifndef SCL_TUNED_START_H
#define SCL_TUNED_START_H

#include "model/model.h"
#include "plugin/run_plugins.h"

/* Gives what the run trains the values of the file that its run file names; SCL_OK without one. All
 * that its adapters made must be in the file, with the same parameters, and the file may hold
 * nothing that is not trained; what of the base is trained and not in it keeps its values.
 * model->store NULL: only names and shapes are checked. SCL_BAD_CONFIG or SCL_BAD_DATA with the
 * place in the run file. */
scl_status scl_tuned_start(const scl_run_plugins *plugins, scl_model *model, scl_error *err);

#endif
