/* describe.h — what is in a weight file or a run folder, as JSON that samcl info prints. */
#ifndef SAMCL_TOOLS_DESCRIBE_H
#define SAMCL_TOOLS_DESCRIBE_H

#include "io/json.h"
#include "io/weights.h"

/* Free *out with cJSON_Delete. A checkpoint that is no SAM is described as far as it goes. */
scl_status describe_weights(const char *path, cJSON **out, scl_error *err);
/* A folder that samcl train made. */
scl_status describe_run(const char *path, cJSON **out, scl_error *err);
bool describe_is_run(const char *path);

#endif
