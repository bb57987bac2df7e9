/* run_config_checks.h — what must hold between the keys of a run file. */
#ifndef SCL_CONFIG_RUN_CONFIG_CHECKS_H
#define SCL_CONFIG_RUN_CONFIG_CHECKS_H

#include "config/run_config.h"

/* Reports every contradiction; keys that were already found wrong are left out of it. */
void scl_run_config_check(scl_run_config *config);

#endif
