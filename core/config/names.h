/* names.h — "did you mean": keys that other tools use, misspelt keys, misplaced keys. */
#ifndef SCL_CONFIG_NAMES_H
#define SCL_CONFIG_NAMES_H

#include "config/schema.h"

/* Reports `entry`, whose key `schema` has not. */
void scl_names_unknown_key(const scl_schema_reader *reader, const scl_schema *schema,
                           const char *section, const scl_yaml_entry *entry);

#endif
