/* checks.h — the checks of kit.c: each says in one sentence what it found, or fails with another.
 */
#ifndef SCL_KIT_CHECKS_H
#define SCL_KIT_CHECKS_H

#include "base/str.h"
#include "kit/kit.h"
#include "kit/trial.h"

typedef struct scl_kit {
    const scl_kit_options *options;
    uint32_t kind;  /* scl_plugin_kind */
    scl_str params; /* defaults, and samples of what has none: "{sites: [\"*\"]}" */
    scl_kit_subject subject;
    scl_kit_scenes scenes;
    scl_device *reference, *device;
} scl_kit;

/* SCL_PLUGIN when the plugin does not do what is promised. */
typedef scl_status (*scl_kit_check)(scl_kit *kit, scl_str *said, scl_error *err);

/* ---- checks_parameters.c. The first opens what the others use; the second finds the scenes. */
scl_status scl_kit_descriptor(scl_kit *kit, scl_str *said, scl_error *err);
scl_status scl_kit_use(scl_kit *kit, scl_str *said, scl_error *err);
scl_status scl_kit_parameters(scl_kit *kit, scl_str *said, scl_error *err);
/* The text of the params with one more key in place of its own. */
void scl_kit_write_params(const scl_plugin *plugin, const char *key, const char *value,
                          scl_str *out);
/* The candidates' values of a parameter: its extremes; false after the last. */
bool scl_kit_extreme(const scl_param *row, size_t which, scl_str *value);

/* A way to make the trial of a scene. */
typedef struct scl_kit_way {
    scl_device *device;
    scl_kit_values values;
    bool again; /* run twice, over what the first run left */
} scl_kit_way;

/* Two of them, which must give the same. */
typedef struct scl_kit_comparison {
    scl_kit_way found, expected;
    double tolerance; /* see scl_kit_compare */
    /* What else must hold of `expected`; may be NULL. */
    scl_status (*also)(const scl_kit_trial *expected, const char *scene, scl_error *err);
} scl_kit_comparison;

/* For every scene; *largest as scl_kit_compare has it. ---- checks_runs.c */
scl_status scl_kit_compare_two(scl_kit *kit, scl_kit_comparison two, double *largest,
                               scl_error *err);

/* ---- checks_gradient.c */
scl_status scl_kit_gradient(scl_kit *kit, scl_str *said, scl_error *err);
scl_status scl_kit_on_device(scl_kit *kit, scl_str *said, scl_error *err);

/* ---- checks_values.c */
scl_status scl_kit_finite(scl_kit *kit, scl_str *said, scl_error *err);
scl_status scl_kit_nan(scl_kit *kit, scl_str *said, scl_error *err);
scl_status scl_kit_hidden(scl_kit *kit, scl_str *said, scl_error *err);

/* ---- checks_runs.c */
scl_status scl_kit_twice(scl_kit *kit, scl_str *said, scl_error *err);
scl_status scl_kit_instances(scl_kit *kit, scl_str *said, scl_error *err);
scl_status scl_kit_memory(scl_kit *kit, scl_str *said, scl_error *err);
scl_status scl_kit_time(scl_kit *kit, scl_str *said, scl_error *err);

/* ---- checks_adapter.c */
scl_status scl_kit_rows(scl_kit *kit, scl_str *said, scl_error *err);
scl_status scl_kit_start(scl_kit *kit, scl_str *said, scl_error *err);
scl_status scl_kit_merge(scl_kit *kit, scl_str *said, scl_error *err);

#endif
