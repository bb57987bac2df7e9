#include "plugin_folder.h"
#include "outputs.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "plugin/check.h"
#include "plugin/search.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* What the marks of a template stand for. */
typedef struct mark {
    const char *name, *value;
} mark;

#define MARKS 5

/* ------------------------------------------------------------------ one file */

static const mark *mark_at(const char *text, const mark marks[MARKS])
{
    for (size_t i = 0; i < MARKS; i++)
        if (scl_starts_with(text, marks[i].name))
            return &marks[i];
    return NULL;
}

static void fill(const char *text, const mark marks[MARKS], scl_str *out)
{
    while (*text != '\0') {
        size_t plain = strcspn(text, "@");
        scl_str_add_bytes(out, text, plain);
        text += plain;
        const mark *found = mark_at(text, marks);
        if (found != NULL)
            scl_str_add(out, "%s", found->value);
        else if (*text != '\0')
            scl_str_add_bytes(out, text, 1);
        text += found != NULL ? strlen(found->name) : (size_t)(*text != '\0');
    }
}

static const char *template_text(const char *name)
{
    for (size_t i = 0; i < plugin_template_count; i++)
        if (strcmp(plugin_templates[i].name, name) == 0)
            return plugin_templates[i].text;
    return NULL;
}

static scl_status write_file(const char *folder, const char *name, const char *template,
                             const mark marks[MARKS], scl_error *err)
{
    scl_str text = {0};
    const char *from = template_text(template);
    if (from == NULL)
        return scl_fail(err, SCL_FAILED, "internal check: no template %s", template);
    fill(from, marks, &text);
    char *path = scl_path_join(folder, name);
    scl_status status = text.failed || path == NULL
                            ? scl_out_of_memory(err, text.length, name)
                            : scl_file_write(path, text.text, text.length, err);
    scl_free(path);
    scl_str_free(&text);
    return status;
}

/* ------------------------------------------------------------------ where things are */

/* The folder that has samcl/plugin.h, from where the program is: in a build, or installed. Empty:
 * it is in neither place. */
static void find_headers(char headers[PATH_MAX])
{
    static const char *const ways[] = {SCL_HEADERS_FROM_BUILD, SCL_HEADERS_FROM_PROGRAMS};
    char program[PATH_MAX];
    headers[0] = '\0';
    if (realpath("/proc/self/exe", program) == NULL)
        return;
    strrchr(program, '/')[0] = '\0';
    for (size_t i = 0; i < sizeof ways / sizeof *ways && headers[0] == '\0'; i++) {
        scl_str file = {0};
        scl_str_add(&file, "%s/%s/samcl/plugin.h", program, ways[i]);
        char *end =
            !file.failed && scl_path_exists(file.text) ? realpath(file.text, headers) : NULL;
        scl_str_free(&file);
        if (end != NULL)
            headers[strlen(headers) - strlen("/samcl/plugin.h")] = '\0';
        else
            headers[0] = '\0';
    }
}

static scl_status check_name(const char *name, scl_error *err)
{
    char *taken = NULL;
    if (!scl_plugin_is_id(name))
        return scl_fail(err, SCL_BAD_CONFIG,
                        "the name of a plugin must be " SCL_PLUGIN_ID_RULE ", found \"%.80s\"",
                        name);
    SCL_TRY(scl_plugin_find_file(name, &taken, err));
    if (taken != NULL)
        scl_fail(err, SCL_BAD_CONFIG,
                 "there is a plugin `%s` already, %s: a new one needs a name of its own", name,
                 taken);
    scl_free(taken);
    return taken == NULL ? SCL_OK : SCL_BAD_CONFIG;
}

/* ------------------------------------------------------------------ the folder */

static scl_status write_all(const char *folder, uint32_t kind, const char *name,
                            const mark marks[MARKS], scl_error *err)
{
    bool loss = kind == SCL_PLUGIN_LOSS;
    char source[128];
    if (mkdir(folder, 0777) != 0)
        return scl_fail(err, SCL_FAILED, "%s cannot be made", folder);
    snprintf(source, sizeof source, "%s.c", name);
    SCL_TRY(write_file(folder, source, loss ? "loss.c" : "adapter.c", marks, err));
    SCL_TRY(write_file(folder, "run.yaml", loss ? "loss.yaml" : "adapter.yaml", marks, err));
    SCL_TRY(write_file(folder, "Makefile", "Makefile", marks, err));
    SCL_TRY(write_file(folder, "CMakeLists.txt", "CMakeLists.txt", marks, err));
    return write_file(folder, "README.md", "README.md", marks, err);
}

static scl_status write_staged(const char *folder, uint32_t kind, const char *name,
                               const mark marks[MARKS], scl_error *err)
{
    cli_outputs outputs = {0};
    const char *staged = NULL;
    scl_status status = cli_output_stage(&outputs, folder, &staged, err);
    if (status == SCL_OK)
        status = write_all(staged, kind, name, marks, err);
    return cli_outputs_end(&outputs, status, err);
}

static void print_next(const char *folder, const char *plugin)
{
    printf("wrote %s; what comes next:\n"
           "  make -C %s\n"
           "  samcl plugins check %s\n"
           "  samcl train %s/run.yaml\n"
           "The run file says which lines to change for pictures other than the quickstart's.\n",
           folder, folder, plugin, folder);
}

/* `folder` and `plugin` as a run file says them: a path has a slash. */
static scl_status write_paths(uint32_t kind, const char *name, const char *folder,
                              const char *plugin, scl_error *err)
{
    char headers[PATH_MAX];
    if (scl_path_exists(folder))
        return scl_fail(err, SCL_BAD_CONFIG,
                        "%s is there already, and nothing is overwritten: choose another name, or "
                        "another folder by --out",
                        folder);
    find_headers(headers);
    const mark marks[MARKS] = {{"@NAME@", name},
                               {"@KIND@", scl_plugin_kind_name(kind)},
                               {"@FOLDER@", folder},
                               {"@PLUGIN@", plugin},
                               {"@INCLUDE@", headers}};
    SCL_TRY(write_staged(folder, kind, name, marks, err));
    print_next(folder, plugin);
    return SCL_OK;
}

scl_status plugin_folder_write(uint32_t kind, const char *name, const char *parent, scl_error *err)
{
    SCL_TRY(check_name(name, err));
    if (parent != NULL && strpbrk(parent, "\"\\\n$#") != NULL)
        return scl_fail(err, SCL_BAD_CONFIG,
                        "--out: expected a path without \" \\ $ # and line ends, found %s", parent);
    char *folder = scl_path_join(parent != NULL ? parent : "", name);
    scl_str plugin = {0};
    scl_str_add(&plugin, "%s/%s.so", folder != NULL ? folder : "", name);
    scl_status status = folder == NULL || plugin.failed
                            ? scl_out_of_memory(err, strlen(name), "a path")
                            : write_paths(kind, name, folder, plugin.text, err);
    scl_free(folder);
    scl_str_free(&plugin);
    return status;
}
