/* kit.h — proves what a plugin promises, in a process of its own. */
#ifndef SCL_KIT_KIT_H
#define SCL_KIT_KIT_H

#include "graph/backend.h"

typedef struct scl_kit_finding {
    const char *check; /* "gradient" */
    bool failed;
    double seconds;
    char text[SCL_ERROR_TEXT]; /* one sentence: what was found, and where it failed what was
                                  expected */
} scl_kit_finding;

typedef struct scl_kit_options {
    const char *path; /* of the .so */
    const char *device;
    unsigned limit; /* seconds that a check may take */
    /* As registry.h has them: core knows no backends. */
    scl_status (*open)(const char *spec, scl_device **out, scl_error *err);
    void (*close)(scl_device *device);
    void (*report)(void *user, const scl_kit_finding *finding);
    void *user;
} scl_kit_options;

/* Runs every check in turn and reports each as it ends. A check that crashes or hangs is reported
 * as failed, and those after it go on in a new process. SCL_PLUGIN when one failed. The caller must
 * be one thread and hold no device. */
scl_status scl_kit_run(const scl_kit_options *options, scl_error *err);

#endif
