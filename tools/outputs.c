#include "outputs.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The folder of a path; free with scl_free, NULL when out of memory. */
static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = scl_strdup(slash == NULL ? "." : path);
    if (folder != NULL && slash != NULL)
        folder[slash == path ? 1 : slash - path] = '\0';
    return folder;
}

scl_status cli_output_check(const char *path, scl_error *err)
{
    struct stat info;
    if (path == NULL)
        return SCL_OK;
    if (scl_path_base(path)[0] == '\0' || (stat(path, &info) == 0 && !S_ISREG(info.st_mode)))
        return scl_fail(err, SCL_FAILED, "%s cannot be written: it is not a file", path);
    char *folder = folder_of(path);
    if (folder == NULL)
        return scl_out_of_memory(err, strlen(path), "a path");
    scl_status status = SCL_OK;
    if (access(folder, W_OK | X_OK) != 0)
        status = scl_fail(err, SCL_FAILED, "%s cannot be written: folder %s: %s", path, folder,
                          strerror(errno));
    scl_free(folder);
    return status;
}

scl_status cli_output_extension(const char *option, const char *path, const char *extension,
                                scl_error *err)
{
    if (path == NULL || scl_ends_with(path, extension))
        return SCL_OK;
    return scl_fail(err, SCL_BAD_CONFIG, "%s: expected a name that ends in %s, found %s", option,
                    extension, path);
}

scl_status cli_output_stage(cli_outputs *outputs, const char *path, const char **staged,
                            scl_error *err)
{
    if (outputs->count == CLI_MAX_OUTPUTS)
        return scl_fail(err, SCL_FAILED, "internal check: too many outputs");
    scl_str name = {0};
    scl_str_add(&name, "%s.%ld.part", path, (long)getpid());
    char *kept = scl_strdup(path);
    if (name.failed || kept == NULL) {
        scl_str_free(&name);
        scl_free(kept);
        return scl_out_of_memory(err, strlen(path), "a path");
    }
    int file = open(name.text, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (file < 0) {
        scl_status status =
            errno == EEXIST
                ? scl_fail(err, SCL_BAD_CONFIG, "%s is given for two outputs", path)
                : scl_fail(err, SCL_FAILED, "%s cannot be written: %s", path, strerror(errno));
        scl_str_free(&name);
        scl_free(kept);
        return status;
    }
    close(file);
    outputs->items[outputs->count].path = kept;
    outputs->items[outputs->count++].staged = name.text;
    *staged = name.text;
    return SCL_OK;
}

void cli_outputs_discard(cli_outputs *outputs)
{
    for (size_t i = 0; i < outputs->count; i++) {
        unlink(outputs->items[i].staged);
        scl_free(outputs->items[i].staged);
        scl_free(outputs->items[i].path);
    }
    *outputs = (cli_outputs){0};
}

scl_status cli_outputs_commit(cli_outputs *outputs, scl_error *err)
{
    scl_status status = SCL_OK;
    for (size_t i = 0; i < outputs->count && status == SCL_OK; i++)
        if (rename(outputs->items[i].staged, outputs->items[i].path) != 0)
            status = scl_fail(err, SCL_FAILED, "%s cannot be written: %s", outputs->items[i].path,
                              strerror(errno));
    cli_outputs_discard(outputs);
    return status;
}
