#include "plugin/search.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROGRAM_LINK "/proc/self/exe"

/* Takes over `folder`; NULL: it could not be allocated. */
static scl_status add(scl_plugin_folders *folders, char *folder, scl_error *err)
{
    for (size_t i = 0; folder != NULL && i < folders->count; i++)
        if (strcmp(folders->items[i], folder) == 0) {
            scl_free(folder);
            return SCL_OK;
        }
    if (folder == NULL || !SCL_GROW(folders->items, folders->count, folders->capacity)) {
        scl_free(folder);
        return scl_out_of_memory(err, PATH_MAX, "the folders of plugins");
    }
    folders->items[folders->count++] = folder;
    return SCL_OK;
}

static scl_status add_variable(scl_plugin_folders *folders, scl_error *err)
{
    const char *text = getenv(SCL_PLUGIN_PATH_VARIABLE);
    while (text != NULL && *text != '\0') {
        size_t length = strcspn(text, ":");
        scl_str folder = {0};
        scl_str_add_bytes(&folder, text, length);
        if (length == 0)
            scl_str_free(&folder);
        else
            SCL_TRY(add(folders, folder.text, err));
        text += length + (text[length] == ':');
    }
    return SCL_OK;
}

/* The folder with links resolved, so that the same one is not searched under two names. */
static scl_status add_existing(scl_plugin_folders *folders, const char *folder, scl_error *err)
{
    char resolved[PATH_MAX];
    if (realpath(folder, resolved) == NULL || !scl_path_is_folder(resolved))
        return SCL_OK;
    return add(folders, scl_strdup(resolved), err);
}

/* `file` is the running program or library. */
static scl_status add_beside(scl_plugin_folders *folders, const char *file, scl_error *err)
{
    static const char *const ways[] = {"plugins", "samcl/plugins", SCL_PLUGINS_FROM_PROGRAMS};
    char resolved[PATH_MAX];
    if (realpath(file, resolved) == NULL)
        return SCL_OK;
    char *slash = strrchr(resolved, '/');
    slash[slash == resolved] = '\0';
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        char *folder = scl_path_join(resolved, ways[i]);
        if (folder == NULL)
            return scl_out_of_memory(err, PATH_MAX, "the folders of plugins");
        scl_status status = add_existing(folders, folder, err);
        scl_free(folder);
        SCL_TRY(status);
    }
    return SCL_OK;
}

scl_status scl_plugin_folders_find(scl_plugin_folders *folders, scl_error *err)
{
    SCL_TRY(add_variable(folders, err));
    SCL_TRY(add_beside(folders, PROGRAM_LINK, err));
    static const char here = 0;
    Dl_info library;
    if (dladdr(&here, &library) != 0 && strchr(library.dli_fname, '/') != NULL)
        SCL_TRY(add_beside(folders, library.dli_fname, err));
    return add_existing(folders, SCL_PLUGINS_INSTALLED, err);
}

void scl_plugin_folders_free(scl_plugin_folders *folders)
{
    for (size_t i = 0; i < folders->count; i++)
        scl_free(folders->items[i]);
    scl_free(folders->items);
    *folders = (scl_plugin_folders){0};
}

static char *with_suffix(const char *folder, const char *name)
{
    scl_str path = {0};
    scl_str_add(&path, "%s%s%s.so", folder, folder[0] != '\0' ? "/" : "", name);
    if (path.failed)
        scl_str_free(&path);
    return path.text;
}

static scl_status find_path(const char *use, char **path, scl_error *err)
{
    *path = with_suffix("", use);
    if (*path != NULL && (scl_path_exists(use) || !scl_path_exists(*path)))
        (*path)[strlen(use)] = '\0';
    return *path != NULL ? SCL_OK : scl_out_of_memory(err, strlen(use), "the path of a plugin");
}

static scl_status find_in(const scl_plugin_folders *folders, const char *name, char **path,
                          scl_error *err)
{
    for (size_t i = 0; i < folders->count; i++) {
        char *file = with_suffix(folders->items[i], name);
        if (file == NULL)
            return scl_out_of_memory(err, strlen(name), "the path of a plugin");
        if (scl_path_exists(file)) {
            *path = file;
            break;
        }
        scl_free(file);
    }
    return SCL_OK;
}

scl_status scl_plugin_find_file(const char *use, char **path, scl_error *err)
{
    *path = NULL;
    if (strchr(use, '/') != NULL)
        return find_path(use, path, err);
    scl_plugin_folders folders = {0};
    scl_status status = scl_plugin_folders_find(&folders, err);
    if (status == SCL_OK)
        status = find_in(&folders, use, path, err);
    scl_plugin_folders_free(&folders);
    return status;
}
