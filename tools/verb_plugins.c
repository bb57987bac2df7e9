/* verb_plugins.c — samcl plugins: the losses and adapters there are, and their parameters. */
#include "cli.h"

#include "config/values.h"
#include "plugin/host.h"
#include "plugin/search.h"

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

static scl_status run(const cli_args *args, scl_error *err)
{
    if (args->word_count == 0)
        return print_all(err);
    if (strcmp(args->words[0], "show") != 0 || args->word_count != 2)
        return scl_fail(err, SCL_BAD_CONFIG,
                        "expected `samcl plugins` or `samcl plugins show NAME`, found `%s`",
                        args->words[0]);
    return show(args->words[1], err);
}

const cli_verb verb_plugins = {
    .name = "plugins",
    .summary = "lists losses and adapters, and shows their parameters",
    .usage = "[show NAME]",
    .most_words = 2,
    .notes =
        "NAME is what a run file's `use:` takes: a name, or the path of a .so file.\n"
        "Plugins are looked for in the folders of SAMCL_PLUGIN_PATH, then beside the program.\n"
        "\n"
        "examples:\n"
        "  samcl plugins\n"
        "  samcl plugins show lora",
    .run = run,
};
