#include "plugin/host.h"

#include "base/file.h"
#include "base/guest.h"
#include "base/mem.h"
#include "base/str.h"
#include "plugin/search.h"

#include <dlfcn.h>
#include <string.h>
#include <sys/stat.h>

#define SUFFIX     ".so"
#define NAME_BYTES 256

/* ------------------------------------------------------------------ one file */

/* What dlerror says, without the path it begins with. */
static const char *loader_words(const char *path)
{
    const char *words = dlerror();
    if (words == NULL)
        return "the loader gives no reason";
    size_t length = strlen(path);
    return strncmp(words, path, length) == 0 && strncmp(words + length, ": ", 2) == 0
               ? words + length + 2
               : words;
}

static scl_status check_file(const char *path, scl_error *err)
{
    struct stat info;
    if (stat(path, &info) != 0)
        return scl_fail(err, SCL_PLUGIN, "there is no such file");
    if (!S_ISREG(info.st_mode))
        return scl_fail(err, SCL_PLUGIN, "expected a shared object, found %s",
                        S_ISDIR(info.st_mode) ? "a folder" : "something else than a file");
    return SCL_OK;
}

static scl_status hash_code(scl_plugin_file *file, scl_error *err)
{
    scl_file_map map;
    scl_error unreadable = {0};
    if (scl_file_map_open(file->path, &map, &unreadable) != SCL_OK)
        return scl_fail(err, SCL_PLUGIN, "%s", unreadable.text);
    file->code = scl_hash128_of(map.data, map.size);
    scl_file_unmap(&map);
    return SCL_OK;
}

/* Its initialisers run. */
static void *load_code(const char *path)
{
    scl_guest outer = scl_guest_enter(path, "being loaded");
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    scl_guest_leave(outer);
    return handle;
}

static const scl_plugin *call_entry(const char *path, void *symbol)
{
    scl_plugin_entry entry; /* ISO C has no conversion between the two kinds of pointer */
    memcpy(&entry, &symbol, sizeof entry);
    scl_guest outer = scl_guest_enter(path, SCL_PLUGIN_ENTRY_NAME);
    const scl_plugin *found = entry();
    scl_guest_leave(outer);
    return found;
}

static scl_status load(scl_plugin_file *file, uint32_t kind, const char *name, scl_error *err)
{
    SCL_TRY(check_file(file->path, err));
    file->handle = load_code(file->path);
    if (file->handle == NULL)
        return scl_fail(err, SCL_PLUGIN, "it cannot be loaded: %s", loader_words(file->path));
    void *symbol = dlsym(file->handle, SCL_PLUGIN_ENTRY_NAME);
    if (symbol == NULL)
        return scl_fail(err, SCL_PLUGIN,
                        "it has no function " SCL_PLUGIN_ENTRY_NAME ": it is no samcl plugin, or "
                        "one for another samcl");
    SCL_TRY(scl_plugin_check(call_entry(file->path, symbol), kind, name, &file->facts, err));
    return hash_code(file, err);
}

/* Opens file->path, which is kept also on failure. */
static scl_status open_file(scl_plugin_file *file, uint32_t kind, const char *name, scl_error *err)
{
    scl_status status = load(file, kind, name, err);
    if (status == SCL_OK)
        return SCL_OK;
    scl_error_prefix(err, "plugin %s", file->path);
    if (file->handle != NULL)
        dlclose(file->handle);
    file->handle = NULL;
    file->facts = (scl_plugin_facts){0};
    return status;
}

void scl_plugin_close(scl_plugin_file *file)
{
    if (file->handle != NULL)
        dlclose(file->handle);
    scl_free(file->path);
    *file = (scl_plugin_file){0};
}

/* ------------------------------------------------------------------ all files */

static bool is_listed(const scl_plugin_list *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(scl_path_base(list->items[i].file.path), name) == 0)
            return true;
    return false;
}

/* NAME of NAME.so; false when it is not of that form. */
static bool name_of_file(const char *base, char name[NAME_BYTES])
{
    size_t length = strlen(base);
    if (!scl_ends_with(base, SUFFIX) || length == strlen(SUFFIX) || length >= NAME_BYTES)
        return false;
    length -= strlen(SUFFIX);
    memcpy(name, base, length);
    name[length] = '\0';
    return true;
}

static scl_status list_file(scl_plugin_list *list, const char *folder, const char *base,
                            scl_error *err)
{
    char name[NAME_BYTES];
    if (!name_of_file(base, name) || is_listed(list, base))
        return SCL_OK;
    if (!SCL_GROW(list->items, list->count, list->capacity))
        return scl_out_of_memory(err, sizeof *list->items, "the list of plugins");
    scl_plugin_listed *item = &list->items[list->count];
    *item = (scl_plugin_listed){.file.path = scl_path_join(folder, base)};
    if (item->file.path == NULL)
        return scl_out_of_memory(err, strlen(folder), "the list of plugins");
    list->count++;
    scl_error fault = {0};
    scl_status status = open_file(&item->file, SCL_PLUGIN_ANY, name, &fault);
    if (status != SCL_OK && status != SCL_PLUGIN)
        return scl_fail(err, status, "%s", fault.text);
    if (status == SCL_PLUGIN)
        item->fault = scl_strdup(fault.text);
    if (status == SCL_PLUGIN && item->fault == NULL)
        return scl_out_of_memory(err, strlen(fault.text), "the list of plugins");
    return SCL_OK;
}

static scl_status list_folder(scl_plugin_list *list, const char *path, scl_error *err)
{
    scl_folder folder = {0};
    scl_error unreadable = {0};
    scl_status status = scl_folder_list(path, &folder, &unreadable);
    if (status == SCL_BAD_DATA) /* such as a folder of the variable that is not there */
        return SCL_OK;
    if (status != SCL_OK)
        return scl_fail(err, status, "%s", unreadable.text);
    for (size_t i = 0; status == SCL_OK && i < folder.count; i++)
        status = list_file(list, path, folder.names[i], err);
    scl_folder_free(&folder);
    return status;
}

static scl_status list_folders(scl_plugin_list *list, const scl_plugin_folders *folders,
                               scl_error *err)
{
    for (size_t i = 0; i < folders->count; i++)
        SCL_TRY(list_folder(list, folders->items[i], err));
    return SCL_OK;
}

scl_status scl_plugins_list(scl_plugin_list *list, scl_error *err)
{
    scl_plugin_folders folders = {0};
    scl_status status = scl_plugin_folders_find(&folders, err);
    if (status == SCL_OK)
        status = list_folders(list, &folders, err);
    scl_plugin_folders_free(&folders);
    return status;
}

void scl_plugin_list_free(scl_plugin_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        scl_plugin_close(&list->items[i].file);
        scl_free(list->items[i].fault);
    }
    scl_free(list->items);
    *list = (scl_plugin_list){0};
}

/* ------------------------------------------------------------------ by name */

/* The nearest id of the kind, and all of them as text. */
static const char *offers(const scl_plugin_list *list, const char *name, uint32_t kind,
                          scl_str *text)
{
    const char *nearest = NULL;
    for (size_t i = 0; i < list->count; i++) {
        const scl_plugin *plugin = &list->items[i].file.facts.plugin;
        if (list->items[i].fault != NULL || plugin->kind != kind)
            continue;
        const char *const pair[] = {nearest != NULL ? nearest : plugin->id, plugin->id};
        nearest = scl_nearest_name(name, pair, 2);
        scl_str_add(text, "%s%s", text->length > 0 ? ", " : "", plugin->id);
    }
    return nearest;
}

static scl_status report_unknown(const char *use, uint32_t kind, const scl_plugin_list *list,
                                 const scl_plugin_folders *folders, scl_error *err)
{
    scl_str here = {0}, advice = {0}, searched = {0};
    const char *nearest = offers(list, use, kind, &here);
    if (here.length == 0)
        scl_str_add(&advice, "set " SCL_PLUGIN_PATH_VARIABLE " to the folder that has it, or write "
                             "the path of its .so");
    else if (nearest == NULL)
        scl_str_add(&advice, "there is %s", here.text);
    else
        scl_str_add(&advice, "did you mean `%s`? (there is %s)", nearest, here.text);
    for (size_t i = 0; i < folders->count; i++)
        scl_str_add(&searched, "%s%s%s", i > 0 ? ", " : "", folders->items[i],
                    scl_path_is_folder(folders->items[i]) ? "" : " (no such folder)");
    scl_fail(err, SCL_PLUGIN, "no %s is named `%.80s` in %s: %s", scl_plugin_kind_name(kind), use,
             searched.length > 0 ? searched.text : "any folder", scl_str_text(&advice));
    scl_str_free(&here);
    scl_str_free(&advice);
    scl_str_free(&searched);
    return SCL_PLUGIN;
}

static scl_status fail_unknown(const char *use, uint32_t kind, scl_error *err)
{
    scl_plugin_folders folders = {0};
    scl_plugin_list list = {0};
    scl_status status = scl_plugin_folders_find(&folders, err);
    if (status == SCL_OK)
        status = list_folders(&list, &folders, err);
    if (status == SCL_OK)
        status = report_unknown(use, kind, &list, &folders, err);
    scl_plugin_list_free(&list);
    scl_plugin_folders_free(&folders);
    return status;
}

scl_status scl_plugin_open(const char *use, scl_plugin_kind kind, scl_plugin_file *file,
                           scl_error *err)
{
    *file = (scl_plugin_file){0};
    SCL_TRY(scl_plugin_find_file(use, &file->path, err));
    if (file->path == NULL)
        return fail_unknown(use, kind, err);
    bool is_name = strchr(use, '/') == NULL;
    scl_status status = open_file(file, kind, is_name ? use : NULL, err);
    if (status != SCL_OK)
        scl_plugin_close(file);
    return status;
}
