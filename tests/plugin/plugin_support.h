/* plugin_support.h — a run file given as text, with its plugins open. */
#ifndef SCL_TESTS_PLUGIN_SUPPORT_H
#define SCL_TESTS_PLUGIN_SUPPORT_H

#include "support.h"

#include "plugin/run_plugins.h"
#include "plugin/search.h"
#include "registry.h"

#include <stdlib.h>

#define PLUGINS TEST_BUILD "/plugins"
#define BROKEN  TEST_BUILD "/tests/broken"

/* The first two lines of every run file here. */
#define RUN_HEAD                                                                                   \
    "model: {type: vit_b}\n"                                                                       \
    "data: {train: {images: i, masks: m}}\n"

typedef struct plugin_run {
    scl_run_config config;
    scl_run_plugins plugins;
} plugin_run;

static inline int search_both(void **state)
{
    (void)state;
    return setenv(SCL_PLUGIN_PATH_VARIABLE, PLUGINS ":" BROKEN, 1);
}

/* `run` must not move afterwards; close it whatever the status. */
static inline scl_status plugin_run_open(plugin_run *run, const char *text, scl_error *err)
{
    memset(run, 0, sizeof *run);
    scl_run_config_load_text(&run->config, "run.yaml", text, strlen(text), NULL, 0);
    return scl_run_plugins_open(&run->config, &run->plugins, err);
}

static inline void plugin_run_close(plugin_run *run)
{
    scl_run_config_free(&run->config);
    scl_run_plugins_close(&run->plugins);
}

/* Only then is x / x 1, as dora begins; OpenCL asks of a division no more than 2.5 ulp. */
static inline bool divides_exactly(void)
{
    scl_device *device = NULL;
    assert_ok(scl_device_open(test_device_name(), &device, &test_error));
    bool is_cpu = device->info.is_cpu;
    scl_device_close(device);
    return is_cpu;
}

#endif
