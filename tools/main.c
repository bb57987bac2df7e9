/* main.c — the samcl program: one verb per file, and the exit codes of base/status.h. */
#include "cli.h"
#include "terminal.h"
#include "threads.h"

#include "base/guest.h"
#include "base/str.h"
#include "samcl/samcl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const cli_verb *const verbs[] = {
    &verb_train,   &verb_eval,     &verb_predict, &verb_encode,  &verb_info,
    &verb_diff,    &verb_validate, &verb_plan,    &verb_convert, &verb_merge,
    &verb_plugins, &verb_devices,  &verb_bench,
};
#define VERB_COUNT (sizeof verbs / sizeof *verbs)

static void print_overview(FILE *to)
{
    fprintf(to,
            "samcl %s: fine-tunes and runs the Segment Anything Model on OpenCL devices\n\n"
            "  samcl <verb> [arguments]      samcl <verb> -h explains a verb\n\n",
            scl_version());
    for (size_t i = 0; i < VERB_COUNT; i++)
        fprintf(to, "  %-10s %s\n", verbs[i]->name, verbs[i]->summary);
    fprintf(to, "\nexit codes:\n");
#define X(name, code, text) fprintf(to, "  %3d  %s\n", code, text);
    SCL_STATUS_LIST(X)
#undef X
}

static const cli_verb *find_verb(const char *name, scl_error *err)
{
    const char *names[VERB_COUNT];
    for (size_t i = 0; i < VERB_COUNT; i++) {
        if (strcmp(verbs[i]->name, name) == 0)
            return verbs[i];
        names[i] = verbs[i]->name;
    }
    const char *near = scl_nearest_name(name, names, VERB_COUNT);
    scl_fail(err, SCL_BAD_CONFIG, "samcl has no verb %s%s%s%s; `samcl -h` lists them", name,
             near != NULL ? "; did you mean " : "", near != NULL ? near : "",
             near != NULL ? "?" : "");
    return NULL;
}

static bool wants_help(int argc, char **argv)
{
    for (int i = 0; i < argc; i++)
        if (strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "--help") == 0)
            return true;
    return false;
}

static scl_status run(int argc, char **argv, scl_error *err)
{
    static cli_args args; /* large */
    const cli_verb *verb = find_verb(argv[0], err);
    if (verb == NULL)
        return SCL_BAD_CONFIG;
    if (wants_help(argc - 1, argv + 1)) {
        cli_help(verb);
        return SCL_OK;
    }
    SCL_TRY(cli_parse(verb, argc - 1, argv + 1, &args, err));
    return verb->run(&args, err);
}

int main(int argc, char **argv)
{
    scl_error err = {0};
    if (argc < 2) {
        print_overview(stderr);
        return SCL_BAD_CONFIG;
    }
    if (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0) {
        print_overview(stdout);
        return SCL_OK;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("samcl %s\n", scl_version());
        return SCL_OK;
    }
    scl_guest_report_crashes(STDERR_FILENO);
    terminal_start_log();
    threads_spread();
    scl_status status = run(argc - 1, argv + 1, &err);
    terminal_clear();
    if (status == SCL_OK && (fflush(stdout) != 0 || ferror(stdout)))
        status = scl_fail(&err, SCL_FAILED, "the output could not be written: %s", strerror(errno));
    if (status != SCL_OK && err.text[0] != '\0')
        fprintf(stderr, "samcl: %s\n", err.text);
    return (int)status;
}
