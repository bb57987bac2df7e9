/* host.h — plugin files: found, loaded, checked, listed.
 *
 * A plugin that cannot be used is SCL_PLUGIN, with one sentence that names the file and what to do;
 * SCL_DEVICE when memory is short. From one thread. */
#ifndef SCL_PLUGIN_HOST_H
#define SCL_PLUGIN_HOST_H

#include "base/hash.h"
#include "plugin/check.h"

/* Zero-initialise; free with scl_plugin_close. All that `facts` points to goes with it. */
typedef struct scl_plugin_file {
    char *path;
    void *handle; /* of dlopen; NULL: not open */
    scl_plugin_facts facts;
    scl_hash128 code; /* of the file's bytes */
} scl_plugin_file;

/* Opens what `use:` names, see search.h. The checks come in this order: the file is there, loads,
 * has the entry, returns a descriptor, and the descriptor passes scl_plugin_check. An unknown name
 * is answered with the nearest one and those there are. */
scl_status scl_plugin_open(const char *use, scl_plugin_kind kind, scl_plugin_file *file,
                           scl_error *err);
void scl_plugin_close(scl_plugin_file *file);

/* One .so of the searched folders: open, or why it cannot be used. */
typedef struct scl_plugin_listed {
    scl_plugin_file file; /* path is always set */
    char *fault;          /* NULL: `file` is open */
} scl_plugin_listed;

/* Zero-initialise; free with scl_plugin_list_free. */
typedef struct scl_plugin_list {
    scl_plugin_listed *items;
    size_t count, capacity;
} scl_plugin_list;

/* Every plugin file that `use:` can name, in the order of search, by name within a folder. A file
 * behind another one of the same name is left out. */
scl_status scl_plugins_list(scl_plugin_list *list, scl_error *err);
void scl_plugin_list_free(scl_plugin_list *list);

#endif
