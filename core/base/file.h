/* file.h — files and folders: whole reads, and writes that leave the old file or the new one. */
#ifndef SCL_BASE_FILE_H
#define SCL_BASE_FILE_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* A whole file in memory (memory-mapped, read-only). Release with scl_file_unmap. */
typedef struct scl_file_map {
    const uint8_t *data;
    size_t size;
} scl_file_map;

/* SCL_BAD_DATA with the path and the reason when it can't be read. An empty file maps to size 0. */
scl_status scl_file_map_open(const char *path, scl_file_map *map, scl_error *err);
void scl_file_unmap(scl_file_map *map);
/* Gives the memory of a part back: it is read from the file again when it is used again. */
void scl_file_map_release(const scl_file_map *map, const uint8_t *from, size_t size);

/* An output file under a temporary name beside `path`. Write through `stream`; commit flushes,
 * fsyncs and renames it over `path`; abort (or a failed commit) removes it. SCL_FAILED on error.
 * What is there and is no file (a device, a pipe) is never replaced: the stream goes straight to
 * it. Behind a link it is the file that is replaced, not the link. */
typedef struct scl_file_writer {
    FILE *stream;
    char *path;
    char *temporary; /* NULL: straight to `path` */
    bool quick;
} scl_file_writer;

/* Also removes the temporary files of killed writers of `path`. */
scl_status scl_file_writer_open(scl_file_writer *writer, const char *path, scl_error *err);
/* For what may be lost when the power fails, but not be half there: no fsync, no such removal. */
scl_status scl_file_writer_open_quick(scl_file_writer *writer, const char *path, scl_error *err);
scl_status scl_file_writer_commit(scl_file_writer *writer, scl_error *err);
void scl_file_writer_abort(scl_file_writer *writer);

/* Atomic write of a whole buffer. */
scl_status scl_file_write(const char *path, const void *data, size_t size, scl_error *err);

bool scl_path_exists(const char *path);
bool scl_path_is_folder(const char *path);
/* Whether it is a device, a pipe or the like: neither a file nor a folder. */
bool scl_path_is_special(const char *path);
/* What a link leads to; a path that is no link, or leads to nothing, as it is. Free with scl_free;
 * NULL when out of memory. */
char *scl_path_target(const char *path);
/* Like mkdir -p. */
scl_status scl_make_folders(const char *path, scl_error *err);
/* "folder/name", or `name` itself when it is absolute or folder is empty. Free with scl_free. */
char *scl_path_join(const char *folder, const char *name);
/* The last component, and its extension with the dot ("" when none). Borrowed from `path`. */
const char *scl_path_base(const char *path);
/* What is before it: "." when nothing is. Free with scl_free; NULL when out of memory. */
char *scl_path_folder(const char *path);
const char *scl_path_extension(const char *path);

/* Names in a folder (no '.' or '..'), sorted bytewise. Free with scl_folder_free. */
typedef struct scl_folder {
    char **names;
    size_t count;
} scl_folder;

scl_status scl_folder_list(const char *path, scl_folder *folder, scl_error *err);
void scl_folder_free(scl_folder *folder);

#endif
