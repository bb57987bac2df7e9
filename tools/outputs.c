#include "outputs.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/staging.h"
#include "base/str.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define STAGING_TAG ".part-"

scl_status cli_output_check(const char *path, scl_error *err)
{
    if (path == NULL)
        return SCL_OK;
    if (scl_path_is_special(path))
        return access(path, W_OK) == 0
                   ? SCL_OK
                   : scl_fail(err, SCL_FAILED, "%s cannot be written: %s", path, strerror(errno));
    if (scl_path_base(path)[0] == '\0' || scl_path_is_folder(path))
        return scl_fail(err, SCL_FAILED, "%s cannot be written: it is not a file", path);
    char *folder = scl_path_folder(path);
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
    if (path == NULL || scl_ends_with(path, extension) || scl_path_is_special(path))
        return SCL_OK;
    return scl_fail(err, SCL_BAD_CONFIG, "%s: expected a name that ends in %s, found %s", option,
                    extension, path);
}

/* The last item of `outputs`, freed. */
static void drop_last(cli_outputs *outputs)
{
    cli_output *last = &outputs->items[--outputs->count];
    if (last->lock >= 0) {
        scl_remove_tree(last->folder);
        close(last->lock);
    }
    scl_free(last->path);
    scl_free(last->folder);
    scl_free(last->staged);
}

static scl_status stage_in_folder(cli_output *item, scl_error *err)
{
    item->folder = scl_staging_name(item->path, STAGING_TAG);
    if (item->folder != NULL)
        item->staged = scl_path_join(item->folder, scl_path_base(item->path));
    if (item->staged == NULL)
        return scl_out_of_memory(err, strlen(item->path), "a path");
    SCL_TRY(scl_staging_sweep(item->path, STAGING_TAG, err));
    item->lock = scl_staging_make(item->folder, true);
    if (item->lock >= 0)
        return SCL_OK;
    return errno == EEXIST
               ? scl_fail(err, SCL_BAD_CONFIG, "%s is given for two outputs", item->path)
               : scl_fail(err, SCL_FAILED, "%s cannot be written: %s", item->path, strerror(errno));
}

scl_status cli_output_stage(cli_outputs *outputs, const char *path, const char **staged,
                            scl_error *err)
{
    if (outputs->count == CLI_MAX_OUTPUTS)
        return scl_fail(err, SCL_FAILED, "internal check: too many outputs");
    cli_output *item = &outputs->items[outputs->count++];
    *item = (cli_output){.path = scl_path_target(path), .lock = -1};
    scl_status status = SCL_OK;
    if (item->path == NULL)
        status = scl_out_of_memory(err, strlen(path), "a path");
    else if (!scl_path_is_special(item->path))
        status = stage_in_folder(item, err);
    if (status == SCL_OK)
        *staged = item->staged != NULL ? item->staged : item->path;
    else
        drop_last(outputs);
    return status;
}

scl_status cli_outputs_end(cli_outputs *outputs, scl_status status, scl_error *err)
{
    for (size_t i = 0; i < outputs->count && status == SCL_OK; i++) {
        const cli_output *item = &outputs->items[i];
        if (item->staged != NULL && rename(item->staged, item->path) != 0)
            status =
                scl_fail(err, SCL_FAILED, "%s cannot be written: %s", item->path, strerror(errno));
    }
    while (outputs->count > 0)
        drop_last(outputs);
    return status;
}
