/* yaml_path.h — places in a YAML tree named as a user writes them: train.optimizer.lr, losses[1].
 */
#ifndef SCL_CONFIG_YAML_PATH_H
#define SCL_CONFIG_YAML_PATH_H

#include "config/yaml.h"

/* One part of a path: a key (not NUL-terminated), or an index into a list when key is NULL. */
typedef struct scl_yaml_step {
    const char *key;
    size_t length;
    size_t index;
} scl_yaml_step;

typedef enum scl_yaml_path_state {
    SCL_YAML_PATH_STEP,
    SCL_YAML_PATH_END,
    SCL_YAML_PATH_MALFORMED
} scl_yaml_path_state;

/* Takes the next part off *path, which ends at `end`. */
scl_yaml_path_state scl_yaml_path_next(const char **path, const char *end, scl_yaml_step *step);

/* The entry a step leads to from `node`; NULL: there is none. */
scl_yaml_entry *scl_yaml_path_enter(const scl_yaml *node, scl_yaml_step step);

/* The entry at a path; NULL when the tree has none. */
scl_yaml_entry *scl_yaml_path_find(const scl_yaml *root, const char *path);

/* Where the value at a path was written, or else the innermost part of the path that was. */
scl_place scl_yaml_path_place(const scl_yaml *root, const char *path);

#endif
