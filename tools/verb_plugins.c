/* verb_plugins.c — samcl plugins: the losses and adapters there are, and new ones. */
#include "cli.h"
#include "plugin_folder.h"

#include "base/mem.h"
#include "base/str.h"
#include "config/values.h"
#include "kit/kit.h"
#include "plugin/host.h"
#include "plugin/search.h"
#include "registry.h"

#include <stdio.h>
#include <string.h>

static void print_plugin(const scl_plugin_listed *item)
{
    const scl_plugin *p = &item->file.facts.plugin;
    if (item->fault != NULL)
        printf("%-8s %s\n         %s\n", "broken", item->file.path, item->fault);
    else
        printf("%-8s %-18s %-6s %s\n         %s\n", scl_plugin_kind_name(p->kind), p->id,
               p->version, p->summary, item->file.path);
}

static void print_kind(const scl_plugin_list *list, uint32_t kind)
{
    for (size_t i = 0; i < list->count; i++) {
        const scl_plugin_listed *item = &list->items[i];
        uint32_t own = item->fault != NULL ? SCL_PLUGIN_ANY : item->file.facts.plugin.kind;
        if (own == kind)
            print_plugin(item);
    }
}

static scl_status print_all(scl_error *err)
{
    scl_plugin_list list = {0};
    scl_status status = scl_plugins_list(&list, err);
    print_kind(&list, SCL_PLUGIN_LOSS);
    print_kind(&list, SCL_PLUGIN_ADAPTER);
    print_kind(&list, SCL_PLUGIN_ANY);
    if (status == SCL_OK && list.count == 0)
        status =
            scl_fail(err, SCL_PLUGIN, "no plugin was found: set %s to the folder that has them",
                     SCL_PLUGIN_PATH_VARIABLE);
    scl_plugin_list_free(&list);
    return status;
}

static void print_param(const scl_param *param, scl_arena *arena)
{
    const char *range = scl_value_range(param, arena);
    const char *expected = scl_value_expected(param, arena);
    printf("  %s: %s\n      %s%s%s%s%s\n", param->key, param->help,
           expected != NULL ? expected : "?", range != NULL ? ", " : "", range != NULL ? range : "",
           param->default_value != NULL ? "; default " : "; required",
           param->default_value != NULL ? param->default_value : "");
}

static void print_facts(const scl_plugin_file *file)
{
    const scl_plugin *p = &file->facts.plugin;
    scl_arena arena = {0};
    printf("%s %s %s, licence %s\n%s\n%s\n", scl_plugin_kind_name(p->kind), p->id, p->version,
           p->licence, p->summary, file->path);
    printf(p->param_count > 0 ? "\nparams:\n" : "\nIt has no parameters.\n");
    for (size_t i = 0; i < (size_t)p->param_count; i++)
        print_param(&p->params[i], &arena);
    scl_arena_free(&arena);
}

/* A plugin of either kind; when neither can be used, the second refusal is that of an adapter, so
 * the first one is told. */
static scl_status show(const char *name, scl_error *err)
{
    scl_plugin_file file = {0};
    scl_error second = {0};
    scl_error first = {0};
    scl_status status = scl_plugin_open(name, SCL_PLUGIN_LOSS, &file, &first);
    if (status == SCL_PLUGIN)
        status = scl_plugin_open(name, SCL_PLUGIN_ADAPTER, &file, &second);
    if (status != SCL_OK)
        return scl_fail(err, status, "%s%s%s", first.text, second.text[0] != '\0' ? "; and " : "",
                        second.text);
    print_facts(&file);
    scl_plugin_close(&file);
    return SCL_OK;
}

/* ------------------------------------------------------------------ check */

#define CHECK_SECONDS 60

static void print_finding(void *user, const scl_kit_finding *finding)
{
    (void)user;
    printf("%-6s  %-10s  %s\n", finding->failed ? "failed" : "ok", finding->check, finding->text);
    fflush(stdout);
}

static scl_status check(const cli_args *args, scl_error *err)
{
    double limit = CHECK_SECONDS;
    const char *device = cli_value(args, "--device"), *given = cli_value(args, "--limit");
    if (given != NULL)
        SCL_TRY(cli_numbers("--limit", given, 1, &limit, err));
    if (!(limit >= 1 && limit <= 3600))
        return scl_fail(err, SCL_BAD_CONFIG, "--limit: expected 1 to 3600 seconds, found %s",
                        given);
    char *path = NULL;
    SCL_TRY(scl_plugin_find_file(args->words[1], &path, err));
    const scl_kit_options options = {.path = path != NULL ? path : args->words[1],
                                     .device = device != NULL ? device : "auto",
                                     .limit = (unsigned)limit,
                                     .open = scl_device_open,
                                     .close = scl_device_close,
                                     .report = print_finding};
    scl_status status = scl_kit_run(&options, err);
    scl_free(path);
    return status;
}

/* ------------------------------------------------------------------ the verb */

static scl_status write_new(const cli_args *args, scl_error *err)
{
    const char *kind = args->word_count > 1 ? args->words[1] : "";
    bool loss = strcmp(kind, "loss") == 0;
    if (args->word_count != 3 || (!loss && strcmp(kind, "adapter") != 0))
        return scl_fail(err, SCL_BAD_CONFIG,
                        "expected `samcl plugins new loss NAME` or `samcl plugins new adapter "
                        "NAME`%s%s%s",
                        kind[0] != '\0' ? ", found `" : "", kind, kind[0] != '\0' ? "`" : "");
    return plugin_folder_write(loss ? SCL_PLUGIN_LOSS : SCL_PLUGIN_ADAPTER, args->words[2],
                               cli_value(args, "--out"), err);
}

static scl_status wrong_action(const cli_args *args, scl_error *err)
{
    static const char *const actions[] = {"list", "show", "new", "check"};
    const char *near = scl_nearest_name(args->words[0], actions, sizeof actions / sizeof *actions);
    return scl_fail(err, SCL_BAD_CONFIG,
                    "expected `samcl plugins list`, `samcl plugins show NAME`, `samcl plugins new "
                    "loss|adapter NAME` or `samcl plugins check FILE.so`, found `%s`%s%s%s",
                    args->words[0], near != NULL ? "; did you mean " : "", near != NULL ? near : "",
                    near != NULL ? "?" : "");
}

static scl_status run(const cli_args *args, scl_error *err)
{
    const char *action = args->word_count > 0 ? args->words[0] : "list";
    if (cli_given(args, "--out") && strcmp(action, "new") != 0)
        return scl_fail(err, SCL_BAD_CONFIG, "--out is for `samcl plugins new` only");
    if ((cli_given(args, "--device") || cli_given(args, "--limit")) && strcmp(action, "check") != 0)
        return scl_fail(err, SCL_BAD_CONFIG,
                        "--device and --limit are for `samcl plugins check` only");
    if (strcmp(action, "list") == 0 && args->word_count < 2)
        return print_all(err);
    if (strcmp(action, "show") == 0 && args->word_count == 2)
        return show(args->words[1], err);
    if (strcmp(action, "check") == 0 && args->word_count == 2)
        return check(args, err);
    if (strcmp(action, "new") == 0)
        return write_new(args, err);
    return wrong_action(args, err);
}

static const cli_option options[] = {
    {"--out", "FOLDER", "new: the folder NAME is made in this one, instead of here", false},
    {"--device", "DEVICE", "check: the device that is held against the reference; auto", false},
    {"--limit", "SECONDS", "check: how long one check may take; 60", false},
};

const cli_verb verb_plugins = {
    .name = "plugins",
    .summary = "lists, shows and checks losses and adapters, and begins new ones",
    .usage = "[list | show NAME | new loss|adapter NAME [--out FOLDER] | check NAME]",
    .options = options,
    .option_count = sizeof options / sizeof *options,
    .most_words = 3,
    .notes =
        "NAME is what a run file's `use:` takes: a name, or the path of a .so file.\n"
        "Plugins are looked for in the folders of SAMCL_PLUGIN_PATH, then beside the program.\n"
        "\n"
        "`new` writes a folder NAME with a plugin that builds, and a run file that uses it. The\n"
        "plugin is a formula to start from: change it.\n"
        "\n"
        "`check` proves what a plugin promises: its derivative, the same values on the device and\n"
        "in double precision, finite values at the edges, and more, each in one line; in a\n"
        "process of its own, so that a crash is one of the findings. The exit code is 6 when one\n"
        "failed.\n"
        "\n"
        "examples:\n"
        "  samcl plugins\n"
        "  samcl plugins show lora\n"
        "  samcl plugins new loss smooth_bce && make -C smooth_bce\n"
        "  samcl plugins check smooth_bce/smooth_bce.so",
    .run = run,
};
