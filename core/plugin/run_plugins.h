/* run_plugins.h — the adapter and the losses a run file names, open and with their parameters. */
#ifndef SCL_PLUGIN_RUN_PLUGINS_H
#define SCL_PLUGIN_RUN_PLUGINS_H

#include "config/run_config.h"
#include "plugin/host.h"

struct scl_expression;

typedef struct scl_run_plugin {
    const char *name;  /* the id, or what the run file says */
    const char *label; /* the same; the second of a name is "dice_2" */
    const void *params;
    double weight; /* of a loss */
    scl_plugin_file file;
    struct scl_expression *expression; /* of a loss written out; NULL: `file` is */
} scl_run_plugin;

/* Zero-initialise. */
typedef struct scl_run_plugins {
    scl_run_config *config; /* borrowed */
    scl_run_plugin adapter; /* file.handle NULL: none */
    scl_run_plugin *losses; /* in the order of the run file */
    size_t loss_count;

    /* What the adapter was asked about and took, see adaptation.h. */
    size_t wrapped, trained;
    char **sites; /* names, each once */
    size_t site_count, site_capacity;
    bool sites_lost; /* there was no memory for one */
} scl_run_plugins;

/* Opens what `config` names, reads the parameters, and finishes the config, so that the mistakes of
 * the file and of its plugins come in one error. SCL_BAD_CONFIG when anything in the run file is
 * wrong, unknown parameters of a plugin included; SCL_PLUGIN when the file is right but for plugins
 * that are missing or unusable. Whatever it returns, `plugins` must be closed, after the config is
 * freed. */
scl_status scl_run_plugins_open(scl_run_config *config, scl_run_plugins *plugins, scl_error *err);
/* The same for the adapter alone, for a model that is only used: its losses may be gone. */
scl_status scl_run_plugins_open_adapter(scl_run_config *config, scl_run_plugins *plugins,
                                        scl_error *err);
void scl_run_plugins_close(scl_run_plugins *plugins);

#endif
