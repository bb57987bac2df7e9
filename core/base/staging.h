/* staging.h — what is being written, under a temporary name beside its place.
 *
 * It is locked while its writer lives, so what a killed writer left is known and can be removed by
 * the next one. Where the file system has no locks nothing is removed. */
#ifndef SCL_BASE_STAGING_H
#define SCL_BASE_STAGING_H

#include "base/status.h"

#include <stdbool.h>

/* The temporary name of this process for `path`: PATH, the tag, and the process's number. Free with
 * scl_free; NULL when out of memory. */
char *scl_staging_name(const char *path, const char *tag);

/* Makes a new file (or folder) of that name, locked until the descriptor is closed. -1 and errno
 * when it can't be made, EEXIST when a writer has it. */
int scl_staging_make(const char *name, bool folder);

/* Removes what killed writers of `path` left under its temporary names of this tag, as far as that
 * is possible. SCL_DEVICE when out of memory. */
scl_status scl_staging_sweep(const char *path, const char *tag, scl_error *err);

/* Removes a file, or a folder with all it holds; links are not followed. */
void scl_remove_tree(const char *path);

#endif
