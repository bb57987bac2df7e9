/* expression.h — a loss written in the run file: `losses: [{expr: "dice(p,t) + mean((p - t)^2)"}]`.
 *
 * An expression is a loss as a plugin's build function is one: it is differentiated, fused and run
 * in the same way. It has numbers, names, + - * / ^, comparisons (1 where they hold, else 0), calls
 * of the functions in expression_names.c, and other losses by name. A value is a number, one per
 * mask, or one per pixel (and class); the whole must be one per mask. All that can be wrong with it
 * is found before anything is built, and told at the character of the run file. */
#ifndef SCL_PLUGIN_EXPRESSION_H
#define SCL_PLUGIN_EXPRESSION_H

#include "plugin/builder.h"
#include "plugin/run_plugins.h"

typedef struct scl_expression scl_expression;

/* Reads the expression of config->losses.items[index] and opens the losses it calls. Mistakes go to
 * the config's diagnostics; `plugin_faults` counts those that are a plugin's. *out is NULL when
 * there are any. SCL_DEVICE when out of memory. */
scl_status scl_expression_open(scl_run_config *config, size_t index, scl_expression **out,
                               size_t *plugin_faults, scl_error *err);
/* After the config is freed. Accepts NULL. */
void scl_expression_close(scl_expression *expression);

/* One value per mask, [B, 1, 1, 1]; NULL on error, which stays in the graph. */
scl_tensor *scl_expression_build(const scl_expression *expression, scl_plugin_builder *builder,
                                 const scl_loss_inputs *inputs);

/* What metrics call the loss when the run file does not: the text without blanks, cut after 32
 * characters, with _ for what JSON and shells take amiss. In the arena; NULL: out of memory. */
const char *scl_expression_label(const char *text, scl_arena *arena);

#endif
