/* run_plugins.h — the adapters and the losses a run file names, open and with their parameters. */
#ifndef SCL_PLUGIN_RUN_PLUGINS_H
#define SCL_PLUGIN_RUN_PLUGINS_H

#include "config/run_config.h"
#include "plugin/host.h"

struct scl_expression;

typedef struct scl_run_plugin {
    const char *name;             /* the id, or what the run file says */
    const char *label;            /* the same; the second of a name is "dice_2" */
    const scl_run_config *config; /* borrowed; asks for it at `path` */
    char path[SCL_ADAPTER_PATH];
    const void *params;
    double weight; /* of a loss */
    scl_plugin_file file;
    size_t wrapped, trained; /* of an adapter: what it was asked about and took, see adaptation.h */
    struct scl_expression *expression; /* of a loss written out; NULL: `file` is */
} scl_run_plugin;

typedef struct scl_run_site {
    char *name;
    uint32_t kind; /* scl_site_kind */
} scl_run_site;

/* Zero-initialise. */
typedef struct scl_run_plugins {
    scl_run_config *config;            /* borrowed */
    scl_run_plugin *adapters, *losses; /* in the order of the run file */
    size_t adapter_count, loss_count;

    scl_run_site *sites; /* that adapters were asked about, each once */
    size_t site_count, site_capacity;
    bool sites_lost; /* there was no memory for one */
} scl_run_plugins;

/* Opens what `config` names, reads the parameters, and finishes the config, so that the mistakes of
 * the file and of its plugins come in one error. SCL_BAD_CONFIG when anything in the run file is
 * wrong, unknown parameters of a plugin included; SCL_PLUGIN when the file is right but for plugins
 * that are missing or unusable. Whatever it returns, `plugins` must be closed, after the config is
 * freed. */
scl_status scl_run_plugins_open(scl_run_config *config, scl_run_plugins *plugins, scl_error *err);
/* The same for the adapters alone, for a model that is only used: its losses may be gone. */
scl_status scl_run_plugins_open_adapter(scl_run_config *config, scl_run_plugins *plugins,
                                        scl_error *err);
void scl_run_plugins_close(scl_run_plugins *plugins);

#endif
