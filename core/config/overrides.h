/* overrides.h — key=value settings of the command line, written into the tree of a run file.
 *
 * train.optimizer.lr=3e-4   losses[1].weight=0.5   adapter=none   data.prompts=[none]
 * The value is YAML. What the path lacks is made; whether such keys exist is the table's business.
 */
#ifndef SCL_CONFIG_OVERRIDES_H
#define SCL_CONFIG_OVERRIDES_H

#include "config/yaml.h"

/* Applies the settings in order, so a later one wins. Mistakes are reported at
 * "command line: key=value", and what was set remembers that as its place. */
void scl_overrides_apply(scl_yaml *root, const char *const *settings, size_t count,
                         scl_arena *arena, scl_diagnostics *diagnostics);

#endif
