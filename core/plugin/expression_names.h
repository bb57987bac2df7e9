/* expression_names.h — the names and functions an expression has. */
#ifndef SCL_PLUGIN_EXPRESSION_NAMES_H
#define SCL_PLUGIN_EXPRESSION_NAMES_H

#include "plugin/expression_tree.h"

typedef enum expression_name {
    EXPRESSION_X,
    EXPRESSION_P,
    EXPRESSION_LOGP,
    EXPRESSION_T,
    EXPRESSION_W,
    EXPRESSION_IOU,
    EXPRESSION_NAMES
} expression_name;

/* The first ones map one value to another: `apply` in the table of the builder. */
typedef enum expression_function {
    EXPRESSION_MAP,
    EXPRESSION_MEAN,
    EXPRESSION_SUM,
    EXPRESSION_OVER_CLASSES,
    EXPRESSION_MIN,
    EXPRESSION_MAX,
    EXPRESSION_CLAMP,
    EXPRESSION_POW,
    EXPRESSION_WHERE
} expression_function;

typedef struct expression_function_info {
    const char *name;
    expression_function kind;
    int least, most; /* arguments */
    size_t apply;    /* EXPRESSION_MAP: offset in scl_builder of a function of one tensor */
    const char *use; /* as a message shows it */
} expression_function_info;

extern const char *const expression_names[EXPRESSION_NAMES];
extern const expression_function_info expression_functions[];
extern const size_t expression_function_count;

/* The plugin a short name such as bce stands for, or the name itself. */
const char *expression_loss_id(const char *name);

#endif
