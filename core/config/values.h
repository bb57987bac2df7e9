/* values.h — one row of a parameter table and its value: read from YAML, written as YAML. */
#ifndef SCL_CONFIG_VALUES_H
#define SCL_CONFIG_VALUES_H

#include "config/yaml.h"
#include "samcl/plugin.h"

/* Bytes a value takes in the parameter struct, 0 for an unknown type. */
size_t scl_value_size(uint32_t type);

/* "a whole number", "one of sgd, adam, adamw", for messages. Lives in the arena. */
const char *scl_value_expected(const scl_param *param, scl_arena *arena);

/* "0 to 10", "at least 1"; NULL when any number will do. For the manual. */
const char *scl_value_range(const scl_param *param, scl_arena *arena);

/* Stores null. */
void scl_value_unset(const scl_param *param, void *base);

/* Stores the default: null when the key is required. Strings and lists live in the arena. */
void scl_value_set_default(const scl_param *param, void *base, scl_arena *arena,
                           scl_diagnostics *diagnostics);

/* Stores the value of `node`. A mistake is reported and leaves the field as it was. */
void scl_value_read(const scl_param *param, const scl_yaml *node, void *base, scl_arena *arena,
                    scl_diagnostics *diagnostics);

/* Appends the stored value as YAML. */
void scl_value_write(const scl_param *param, const void *base, scl_str *out);

#endif
