#include "base/file.h"

#include "base/mem.h"
#include "base/staging.h"
#include "base/str.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define STAGING_TAG ".tmp-"

scl_status scl_file_map_open(const char *path, scl_file_map *map, scl_error *err)
{
    *map = (scl_file_map){0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return scl_fail(err, SCL_BAD_DATA, "%s: cannot be opened: %s", path, strerror(errno));
    struct stat info;
    scl_status status = SCL_OK;
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        status = scl_fail(err, SCL_BAD_DATA, "%s: expected a file, found %s", path,
                          S_ISDIR(info.st_mode) ? "a folder" : "something else");
    } else if (info.st_size > 0) {
        void *data = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (data == MAP_FAILED)
            status = scl_fail(err, SCL_BAD_DATA, "%s: cannot be read: %s", path, strerror(errno));
        else
            *map = (scl_file_map){.data = data, .size = (size_t)info.st_size};
    }
    close(fd);
    return status;
}

void scl_file_unmap(scl_file_map *map)
{
    if (map->data != NULL)
        munmap((void *)(uintptr_t)map->data, map->size);
    *map = (scl_file_map){0};
}

/* Whole pages, also of what stands beside the part. */
void scl_file_map_release(const scl_file_map *map, const uint8_t *from, size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t start = (size_t)(from - map->data) / page * page;
    size_t end = (size_t)(from - map->data) + size;
    madvise((void *)(uintptr_t)(map->data + start), end - start, MADV_DONTNEED);
}

static void writer_release(scl_file_writer *writer)
{
    scl_free(writer->path);
    scl_free(writer->temporary);
    *writer = (scl_file_writer){0};
}

static scl_status cannot_write(scl_file_writer *writer, int reason, scl_error *err)
{
    scl_fail(err, SCL_FAILED, "%s: cannot be written: %s", writer->path, strerror(reason));
    writer_release(writer);
    return SCL_FAILED;
}

static scl_status open_writer(scl_file_writer *writer, const char *path, bool quick, scl_error *err)
{
    *writer = (scl_file_writer){.path = scl_path_target(path), .quick = quick};
    bool direct = writer->path != NULL && scl_path_is_special(writer->path);
    if (writer->path != NULL && !direct)
        writer->temporary = scl_staging_name(writer->path, STAGING_TAG);
    if (writer->path == NULL || (!direct && writer->temporary == NULL)) {
        writer_release(writer);
        return scl_out_of_memory(err, strlen(path), "a file name");
    }
    if (!direct && !quick && scl_staging_sweep(writer->path, STAGING_TAG, err) != SCL_OK) {
        writer_release(writer);
        return SCL_DEVICE;
    }
    int file = direct ? open(writer->path, O_WRONLY | O_CLOEXEC)
                      : scl_staging_make(writer->temporary, false);
    if (file < 0)
        return cannot_write(writer, errno, err);
    writer->stream = fdopen(file, "wb");
    if (writer->stream != NULL)
        return SCL_OK;
    int reason = errno;
    if (!direct)
        unlink(writer->temporary);
    close(file);
    return cannot_write(writer, reason, err);
}

scl_status scl_file_writer_open(scl_file_writer *writer, const char *path, scl_error *err)
{
    return open_writer(writer, path, false, err);
}

scl_status scl_file_writer_open_quick(scl_file_writer *writer, const char *path, scl_error *err)
{
    return open_writer(writer, path, true, err);
}

static bool sync_folder_of(const char *path)
{
    char *folder = scl_path_folder(path);
    int fd = folder != NULL ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    bool synced = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    scl_free(folder);
    return synced;
}

/* Why a stream could not be written. Other calls have had their errors since: asked with one more
 * byte, the file gives its own again. */
static int reason_of(FILE *stream)
{
    errno = 0;
    if (fputc('\n', stream) == EOF || fflush(stream) != 0)
        return errno != 0 ? errno : EIO;
    return EIO;
}

/* The temporary file is renamed before it is closed: closing ends its lock. */
scl_status scl_file_writer_commit(scl_file_writer *writer, scl_error *err)
{
    bool direct = writer->temporary == NULL;
    bool failed = ferror(writer->stream) != 0;
    bool written = !failed && fflush(writer->stream) == 0 &&
                   (direct || writer->quick || fsync(fileno(writer->stream)) == 0) &&
                   (direct || rename(writer->temporary, writer->path) == 0);
    int reason = failed ? reason_of(writer->stream) : errno;
    if (!written && !direct)
        unlink(writer->temporary);
    if (fclose(writer->stream) != 0 && direct && written) {
        written = false;
        reason = errno;
    }
    writer->stream = NULL;
    if (!written)
        scl_fail(err, SCL_FAILED, "%s: could not be saved: %s%s", writer->path, strerror(reason),
                 direct ? "" : "; the previous file, if any, is intact");
    else if (!direct && !writer->quick)
        sync_folder_of(writer->path);
    writer_release(writer);
    return written ? SCL_OK : SCL_FAILED;
}

void scl_file_writer_abort(scl_file_writer *writer)
{
    if (writer->temporary != NULL)
        unlink(writer->temporary);
    if (writer->stream != NULL)
        fclose(writer->stream);
    writer_release(writer);
}

scl_status scl_file_write(const char *path, const void *data, size_t size, scl_error *err)
{
    scl_file_writer writer;
    SCL_TRY(scl_file_writer_open(&writer, path, err));
    if (size > 0)
        (void)!fwrite(data, 1, size, writer.stream); /* commit reports a failed write */
    return scl_file_writer_commit(&writer, err);
}

bool scl_path_exists(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0;
}

bool scl_path_is_folder(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

bool scl_path_is_special(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode);
}

char *scl_path_target(const char *path)
{
    struct stat info;
    char whole[PATH_MAX];
    bool link = lstat(path, &info) == 0 && S_ISLNK(info.st_mode);
    return scl_strdup(link && realpath(path, whole) != NULL ? whole : path);
}

scl_status scl_make_folders(const char *path, scl_error *err)
{
    char *work = scl_strdup(path);
    if (work == NULL)
        return scl_out_of_memory(err, strlen(path), "a folder name");
    scl_status status = SCL_OK;
    for (char *p = work + 1; status == SCL_OK; p++) {
        if (*p != '/' && *p != '\0')
            continue;
        char keep = *p;
        *p = '\0';
        if (mkdir(work, 0777) != 0 && !scl_path_is_folder(work))
            status =
                scl_fail(err, SCL_FAILED, "%s: folder cannot be made: %s", work, strerror(errno));
        *p = keep;
        if (keep == '\0')
            break;
    }
    scl_free(work);
    return status;
}

char *scl_path_join(const char *folder, const char *name)
{
    if (name[0] == '/' || folder[0] == '\0')
        return scl_strdup(name);
    scl_str path = {0};
    scl_str_add(&path, "%s%s%s", folder, scl_ends_with(folder, "/") ? "" : "/", name);
    return path.text;
}

const char *scl_path_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

char *scl_path_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = scl_strdup(slash == NULL ? "." : path);
    if (folder != NULL && slash != NULL)
        folder[slash == path ? 1 : slash - path] = '\0';
    return folder;
}

const char *scl_path_extension(const char *path)
{
    const char *base = scl_path_base(path);
    const char *dot = strrchr(base, '.');
    return dot != NULL && dot != base ? dot : base + strlen(base);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

scl_status scl_folder_list(const char *path, scl_folder *folder, scl_error *err)
{
    *folder = (scl_folder){0};
    DIR *stream = opendir(path);
    if (stream == NULL)
        return scl_fail(err, SCL_BAD_DATA,
                        "expected a folder, found that %s cannot be read: %s; a path that "
                        "does not begin with / starts at the folder where samcl is called",
                        path, strerror(errno));
    size_t capacity = 0;
    bool complete = true;
    for (struct dirent *entry; complete && (entry = readdir(stream)) != NULL;) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        complete = SCL_GROW(folder->names, folder->count, capacity) &&
                   (folder->names[folder->count] = scl_strdup(entry->d_name)) != NULL;
        folder->count += complete;
    }
    closedir(stream);
    if (!complete) {
        scl_folder_free(folder);
        return scl_out_of_memory(err, capacity, "a folder listing");
    }
    if (folder->count > 1)
        qsort(folder->names, folder->count, sizeof *folder->names, by_name);
    return SCL_OK;
}

void scl_folder_free(scl_folder *folder)
{
    for (size_t i = 0; i < folder->count; i++)
        scl_free(folder->names[i]);
    scl_free(folder->names);
    *folder = (scl_folder){0};
}
