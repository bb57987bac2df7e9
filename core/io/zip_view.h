/* zip_view.h — the uncompressed entries of a zip file as pointers into its bytes.
 *
 * libzip reads the archive; this adds the one thing it has no call for: where in the file an
 * entry's bytes lie, so that gigabytes of tensors need no copy. */
#ifndef SCL_IO_ZIP_VIEW_H
#define SCL_IO_ZIP_VIEW_H

#include "base/mem.h"

typedef struct scl_zip_entry {
    const char *name;
    const uint8_t *data; /* borrowed from the file's bytes */
    size_t bytes;
} scl_zip_entry;

typedef struct scl_zip_view {
    scl_zip_entry *entry; /* in the directory's order */
    size_t count;
    scl_arena arena;
} scl_zip_view;

/* Reads the directory. SCL_BAD_DATA when the archive is damaged or an entry is compressed or
 * encrypted. Checksums are not compared: PyTorch can be told not to write true ones. On failure
 * `view` is empty. */
scl_status scl_zip_view_open(const uint8_t *bytes, size_t size, scl_zip_view *view, scl_error *err);
void scl_zip_view_free(scl_zip_view *view);

#endif
