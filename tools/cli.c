#include "cli.h"

#include "base/str.h"
#include "config/text.h"

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

static scl_status add_word(const cli_verb *verb, const char *word, cli_args *args, scl_error *err)
{
    if (word[0] == '-' && word[1] != '\0')
        return unknown_option(verb, word, err);
    if (args->word_count < verb->most_words && args->word_count < CLI_MAX_VALUES) {
        args->words[args->word_count++] = word;
        return SCL_OK;
    }
    return scl_fail(err, SCL_BAD_CONFIG,
                    "\"%s\" is one argument too many: expected samcl %s %s; `samcl %s -h` explains "
                    "it",
                    word, verb->name, verb->usage, verb->name);
}

scl_status cli_parse(const cli_verb *verb, int argc, char **argv, cli_args *args, scl_error *err)
{
    *args = (cli_args){.options = verb->options, .option_count = verb->option_count};
    for (int i = 0; i < argc; i++) {
        bool is_option = strncmp(argv[i], "--", 2) == 0 && argv[i][2] != '\0';
        if (!is_option) {
            SCL_TRY(add_word(verb, argv[i], args, err));
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

scl_status cli_numbers(const char *option, const char *text, size_t count, double *numbers,
                       scl_error *err)
{
    char part[64];
    const char *at = text;
    for (size_t i = 0; i < count; i++) {
        size_t length = strcspn(at, ",");
        bool last = i + 1 == count;
        snprintf(part, sizeof part, "%.*s", (int)(length < 60 ? length : 60), at);
        if (length >= 60 || !scl_text_read_double(part, &numbers[i]) ||
            at[length] != (last ? '\0' : ','))
            return scl_fail(err, SCL_BAD_CONFIG,
                            "%s: expected %zu numbers with commas between and no spaces, found "
                            "\"%s\"",
                            option, count, text);
        at += length + 1;
    }
    return SCL_OK;
}
