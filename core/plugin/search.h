/* search.h — where plugin files are looked for.
 *
 *   1. the folders of the environment variable SAMCL_PLUGIN_PATH, separated by colons
 *   2. beside the running program and library: plugins (a build folder), samcl/plugins (beside
 *      libsamcl.so), and the way from the installed programs to the installed plugins
 *   3. the folder plugins are installed to
 *
 * The first file of a name is the one meant, also when it turns out to be broken. */
#ifndef SCL_PLUGIN_SEARCH_H
#define SCL_PLUGIN_SEARCH_H

#include "base/status.h"

#include <stddef.h>

#define SCL_PLUGIN_PATH_VARIABLE "SAMCL_PLUGIN_PATH"

/* Zero-initialise; free with scl_plugin_folders_free. */
typedef struct scl_plugin_folders {
    char **items;
    size_t count, capacity;
} scl_plugin_folders;

/* In the order of search, each once: those of the variable as they are, others when they exist. */
scl_status scl_plugin_folders_find(scl_plugin_folders *folders, scl_error *err);
void scl_plugin_folders_free(scl_plugin_folders *folders);

/* The file that `use:` means: a text with a slash is a path, with or without .so; else a name.
 * *path NULL: no folder has that name. Free with scl_free. */
scl_status scl_plugin_find_file(const char *use, char **path, scl_error *err);

#endif
