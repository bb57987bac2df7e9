/* schema_docs.h — the manual's pages about settings, made from the tables that check them. */
#ifndef SCL_CONFIG_SCHEMA_DOCS_H
#define SCL_CONFIG_SCHEMA_DOCS_H

#include "config/schema.h"

/* Appends a Markdown table of parameters: key, type, default, values, meaning. */
void scl_schema_docs_table(const scl_param *params, size_t count, scl_str *out);

/* Appends the page docs/configuration.md. */
void scl_schema_docs_configuration(scl_str *out);

#endif
