/* plugin_folder.h — the folder of a new plugin, written from tools/templates. */
#ifndef SAMCL_TOOLS_PLUGIN_FOLDER_H
#define SAMCL_TOOLS_PLUGIN_FOLDER_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

/* Made by tools/templates/embed.cmake. */
typedef struct plugin_template {
    const char *name; /* "loss.c" */
    const char *text;
} plugin_template;

extern const plugin_template plugin_templates[];
extern const size_t plugin_template_count;

/* Writes PARENT/NAME/ (PARENT NULL: NAME/) with a plugin of the kind that builds as it stands, and
 * prints what to do next. SCL_BAD_CONFIG when the name is no id, a plugin has it, or something of
 * that name is there; SCL_FAILED when it cannot be written. Then nothing has been. */
scl_status plugin_folder_write(uint32_t kind, const char *name, const char *parent, scl_error *err);

#endif
