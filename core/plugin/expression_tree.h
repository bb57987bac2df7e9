/* expression_tree.h — an expression as the parser leaves it and the check completes it. */
#ifndef SCL_PLUGIN_EXPRESSION_TREE_H
#define SCL_PLUGIN_EXPRESSION_TREE_H

#include "plugin/expression.h"

#define SCL_EXPRESSION_MAX_DEPTH 64
#define SCL_EXPRESSION_MAX_NODES 1000
#define SCL_EXPRESSION_MAX_NAME  64

typedef enum expression_kind {
    EXPRESSION_NUMBER,
    EXPRESSION_NAME,
    EXPRESSION_NEGATE,
    EXPRESSION_OPERATOR,
    EXPRESSION_CALL
} expression_kind;

/* How many values there are. */
typedef enum expression_type {
    EXPRESSION_WRONG, /* a mistake in it was told */
    EXPRESSION_OF_ALL,
    EXPRESSION_PER_MASK,
    EXPRESSION_PER_PIXEL
} expression_type;

typedef enum expression_operator {
    EXPRESSION_ADD,
    EXPRESSION_SUBTRACT,
    EXPRESSION_MULTIPLY,
    EXPRESSION_DIVIDE,
    EXPRESSION_POWER,
    EXPRESSION_LESS,
    EXPRESSION_GREATER,
    EXPRESSION_AT_MOST,
    EXPRESSION_AT_LEAST
} expression_operator;

typedef struct expression_node expression_node;
struct expression_node {
    expression_kind kind;
    size_t at; /* byte of the text; of an operator, the operator's */
    double number;
    expression_operator op;
    const char *name;       /* of NAME and CALL */
    expression_node **args; /* operands, or what a call is given */
    size_t arg_count;
    scl_yaml *settings; /* a call's key=value, as a map; NULL: there are none */

    /* By the check. */
    expression_type type;
    bool of_probability; /* p or logp is in it */
    bool of_model;       /* something that training changes is in it */
    int32_t symbol;      /* of a name or a function: see expression_names.h; of a loss: -1 */
    scl_plugin_file loss;
    const void *params;
};

struct scl_expression {
    scl_arena arena;
    scl_run_config *config; /* borrowed */
    const char *path;       /* "losses[1].expr" */
    const char *text;
    expression_node *root;
    expression_node **calls; /* of losses, whose plugins are open */
    size_t call_count, call_capacity;
};

/* Sets expression->root; NULL when the text is no expression, which is told. */
void expression_parse(scl_expression *expression);

/* Completes the nodes and opens plugins; mistakes are told. */
scl_status expression_check(scl_expression *expression, size_t *plugin_faults, scl_error *err);

/* Value of a node made of numbers alone. */
bool expression_constant(const expression_node *node, double *value);

/* A mistake at a byte of the text. */
void expression_complain(const scl_expression *expression, size_t at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
