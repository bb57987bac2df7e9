/* yaml_problem.h — libyaml's syntax errors in words a user can act on. */
#ifndef SCL_CONFIG_YAML_PROBLEM_H
#define SCL_CONFIG_YAML_PROBLEM_H

#include "config/yaml.h"

#include <yaml.h>

/* Where a mark of libyaml is. */
scl_place scl_yaml_mark_place(const scl_yaml_source *source, yaml_mark_t mark);

/* Reports the error `parser` stopped at. */
void scl_yaml_explain(const yaml_parser_t *parser, const scl_yaml_source *source,
                      scl_diagnostics *diagnostics);

#endif
