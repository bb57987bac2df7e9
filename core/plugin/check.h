/* check.h — whether a descriptor is one this samcl can use. Nothing of the plugin is called. */
#ifndef SCL_PLUGIN_CHECK_H
#define SCL_PLUGIN_CHECK_H

#include "base/status.h"
#include "samcl/plugin.h"

#include <stdbool.h>

/* A checked descriptor in the layout of this version: what an older plugin lacks is zero. */
typedef struct scl_plugin_facts {
    scl_plugin plugin;
    scl_loss_interface loss;       /* SCL_PLUGIN_LOSS */
    scl_adapter_interface adapter; /* SCL_PLUGIN_ADAPTER */
} scl_plugin_facts;

#define SCL_PLUGIN_ANY 0

/* `kind` is the scl_plugin_kind that is wanted, or SCL_PLUGIN_ANY; `name` the name it was found
 * under, or NULL. SCL_PLUGIN with the first fault; the sentence goes on from "plugin FILE: ". */
scl_status scl_plugin_check(const scl_plugin *found, uint32_t kind, const char *name,
                            scl_plugin_facts *facts, scl_error *err);

/* Whether a plugin may have this id. NULL may not. */
#define SCL_PLUGIN_ID_RULE                                                                         \
    "lower-case letters, digits and _, begin with a letter and have at most 64 characters"
bool scl_plugin_is_id(const char *id);

/* "loss", "adapter"; "plugin" for SCL_PLUGIN_ANY. */
const char *scl_plugin_kind_name(uint32_t kind);

#endif
