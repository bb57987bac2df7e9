/* outputs.h — the files a verb writes: all of them, or none.
 *
 * Each is written in a folder of its own beside its place; when all are on disk they are renamed.
 * What a killed run left is removed by the next one. A device or a pipe is written straight to. */
#ifndef SAMCL_TOOLS_OUTPUTS_H
#define SAMCL_TOOLS_OUTPUTS_H

#include "base/status.h"

#include <stddef.h>

#define CLI_MAX_OUTPUTS 8

typedef struct cli_output {
    char *path;
    char *folder, *staged; /* NULL: straight to `path` */
    int lock;              /* on the folder; -1: none */
} cli_output;

/* Zero-initialise; finish with cli_outputs_end, whatever the status. */
typedef struct cli_outputs {
    cli_output items[CLI_MAX_OUTPUTS];
    size_t count;
} cli_outputs;

/* Before the work begins: SCL_FAILED when `path` is a folder, can't be written, or is in a folder
 * that is missing or not writable. NULL is fine. */
scl_status cli_output_check(const char *path, scl_error *err);
/* SCL_BAD_CONFIG unless `path` (NULL or a device is fine) ends in `extension`. */
scl_status cli_output_extension(const char *option, const char *path, const char *extension,
                                scl_error *err);

/* Where to write what belongs at `path`, a file or a folder, until the end. SCL_BAD_CONFIG when it
 * was staged already. */
scl_status cli_output_stage(cli_outputs *outputs, const char *path, const char **staged,
                            scl_error *err);
/* Puts them in their places when `status`, that of the writing, is SCL_OK, else removes them.
 * Returns it, or SCL_FAILED; then what could not be renamed is removed. */
scl_status cli_outputs_end(cli_outputs *outputs, scl_status status, scl_error *err);

#endif
