#include "cli.h"

#include "base/str.h"

#include <stdio.h>
#include <string.h>

/* ---- options */

static int find_option(const cli_args *args, const char *name)
{
    for (size_t i = 0; i < args->option_count; i++)
        if (strcmp(args->options[i].name, name) == 0)
            return (int)i;
    return -1;
}

static scl_status unknown_option(const cli_verb *verb, const char *name, scl_error *err)
{
    const char *names[CLI_MAX_OPTIONS];
    for (size_t i = 0; i < verb->option_count; i++)
        names[i] = verb->options[i].name;
    const char *near = scl_nearest_name(name, names, verb->option_count);
    return scl_fail(err, SCL_BAD_CONFIG,
                    "samcl %s has no option %s%s%s%s; `samcl %s -h` lists them", verb->name, name,
                    near != NULL ? "; did you mean " : "", near != NULL ? near : "",
                    near != NULL ? "?" : "", verb->name);
}

scl_status cli_parse(const cli_verb *verb, int argc, char **argv, cli_args *args, scl_error *err)
{
    *args = (cli_args){.options = verb->options, .option_count = verb->option_count};
    for (int i = 0; i < argc; i++) {
        bool is_option = strncmp(argv[i], "--", 2) == 0 && argv[i][2] != '\0';
        if (!is_option) {
            if (args->word_count == CLI_MAX_VALUES)
                return scl_fail(err, SCL_BAD_CONFIG, "too many arguments");
            args->words[args->word_count++] = argv[i];
            continue;
        }
        int k = find_option(args, argv[i]);
        if (k < 0)
            return unknown_option(verb, argv[i], err);
        const cli_option *option = &verb->options[k];
        bool full = args->counts[k] == CLI_MAX_VALUES || (args->counts[k] > 0 && !option->repeats);
        if (full)
            return scl_fail(err, SCL_BAD_CONFIG, "%s is given too often", argv[i]);
        if (option->value != NULL && i + 1 == argc)
            return scl_fail(err, SCL_BAD_CONFIG, "%s needs a value: %s %s", argv[i], argv[i],
                            option->value);
        args->values[k][args->counts[k]++] = option->value != NULL ? argv[++i] : "";
    }
    return SCL_OK;
}

void cli_help(const cli_verb *verb)
{
    printf("samcl %s %s\n\n%s\n", verb->name, verb->usage, verb->summary);
    if (verb->option_count > 0)
        printf("\noptions:\n");
    for (size_t i = 0; i < verb->option_count; i++) {
        const cli_option *o = &verb->options[i];
        char head[64];
        snprintf(head, sizeof head, "%s %s", o->name, o->value != NULL ? o->value : "");
        printf("  %-26s %s%s\n", head, o->help, o->repeats ? " (may repeat)" : "");
    }
    if (verb->notes != NULL)
        printf("\n%s\n", verb->notes);
}

const char *cli_value(const cli_args *args, const char *option)
{
    int k = find_option(args, option);
    return k >= 0 && args->counts[k] > 0 ? args->values[k][args->counts[k] - 1] : NULL;
}

bool cli_given(const cli_args *args, const char *option)
{
    return cli_value(args, option) != NULL;
}

size_t cli_values(const cli_args *args, const char *option, const char *const **values)
{
    int k = find_option(args, option);
    *values = k >= 0 ? args->values[k] : NULL;
    return k >= 0 ? args->counts[k] : 0;
}

scl_status cli_require(const cli_args *args, const char *option, const char **value, scl_error *err)
{
    *value = cli_value(args, option);
    return *value != NULL ? SCL_OK : scl_fail(err, SCL_BAD_CONFIG, "%s is required", option);
}
