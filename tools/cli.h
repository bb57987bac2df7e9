/* cli.h — what the verbs of the program share: options by table, and help. */
#ifndef SAMCL_TOOLS_CLI_H
#define SAMCL_TOOLS_CLI_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

/* One option. Values are the texts after it, in order; a flag has none. */
typedef struct cli_option {
    const char *name;  /* "--checkpoint" */
    const char *value; /* what stands for the value in the help, "FILE"; NULL: a flag */
    const char *help;
    bool repeats;
} cli_option;

#define CLI_MAX_OPTIONS 24
#define CLI_MAX_VALUES  256

typedef struct cli_args {
    const cli_option *options;
    size_t option_count;
    const char *values[CLI_MAX_OPTIONS][CLI_MAX_VALUES];
    size_t counts[CLI_MAX_OPTIONS];
    const char *words[CLI_MAX_VALUES]; /* the arguments that are no options */
    size_t word_count;
} cli_args;

typedef struct cli_verb {
    const char *name, *summary;
    const char *usage; /* after "samcl <verb>" */
    const char *notes; /* more help; NULL: none */
    const cli_option *options;
    size_t option_count;
    size_t most_words; /* arguments that are no options; 0: none */
    scl_status (*run)(const cli_args *args, scl_error *err);
} cli_verb;

extern const cli_verb verb_train, verb_eval, verb_predict, verb_encode, verb_info, verb_diff,
    verb_validate, verb_plan, verb_convert, verb_merge, verb_plugins, verb_devices, verb_bench;

/* SCL_BAD_CONFIG for an unknown option (with the nearest one), a missing value, or too many. */
scl_status cli_parse(const cli_verb *verb, int argc, char **argv, cli_args *args, scl_error *err);
void cli_help(const cli_verb *verb);

/* The last value of an option, or NULL. */
const char *cli_value(const cli_args *args, const char *option);
bool cli_given(const cli_args *args, const char *option);
/* All values of an option that repeats; returns how many. */
size_t cli_values(const cli_args *args, const char *option, const char *const **values);
/* A required value: SCL_BAD_CONFIG when absent. */
scl_status cli_require(const cli_args *args, const char *option, const char **value,
                       scl_error *err);

/* The value of an option as exactly `count` numbers with commas between; SCL_BAD_CONFIG. */
scl_status cli_numbers(const char *option, const char *text, size_t count, double *numbers,
                       scl_error *err);

#endif
