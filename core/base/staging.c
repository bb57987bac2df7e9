#include "base/staging.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

char *scl_staging_name(const char *path, const char *tag)
{
    scl_str name = {0};
    scl_str_add(&name, "%s%s%ld", path, tag, (long)getpid());
    if (name.failed)
        scl_str_free(&name);
    return name.text;
}

/* A sweep may take it away between making and locking it. */
static bool is_gone(int file)
{
    struct stat info;
    return fstat(file, &info) == 0 && info.st_nlink == 0;
}

static int make_once(const char *name, bool folder)
{
    if (!folder)
        return open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (mkdir(name, 0777) != 0)
        return -1;
    return open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

int scl_staging_make(const char *name, bool folder)
{
    for (;;) {
        int file = make_once(name, folder);
        if (file < 0)
            return -1;
        flock(file, LOCK_EX); /* without locks it works too, only that nobody may remove it */
        if (!is_gone(file))
            return file;
        close(file);
    }
}

static bool is_number(const char *text)
{
    return text[0] != '\0' && text[strspn(text, "0123456789")] == '\0';
}

static void remove_if_abandoned(const char *path)
{
    int file = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (file < 0)
        return;
    if (flock(file, LOCK_EX | LOCK_NB) == 0)
        scl_remove_tree(path);
    close(file);
}

static scl_status sweep_names(const char *folder, const scl_folder *listing, const char *prefix,
                              scl_error *err)
{
    for (size_t i = 0; i < listing->count; i++) {
        const char *name = listing->names[i];
        if (!scl_starts_with(name, prefix) || !is_number(name + strlen(prefix)))
            continue;
        char *found = scl_path_join(folder, name);
        if (found == NULL)
            return scl_out_of_memory(err, strlen(folder), "a file name");
        remove_if_abandoned(found);
        scl_free(found);
    }
    return SCL_OK;
}

scl_status scl_staging_sweep(const char *path, const char *tag, scl_error *err)
{
    char *folder = scl_path_folder(path);
    scl_str prefix = {0};
    scl_folder listing = {0};
    scl_error unlisted = {0};
    scl_str_add(&prefix, "%s%s", scl_path_base(path), tag);
    scl_status status = SCL_OK;
    if (folder == NULL || prefix.failed)
        status = scl_out_of_memory(err, strlen(path), "a file name");
    else if (scl_folder_list(folder, &listing, &unlisted) == SCL_OK)
        status = sweep_names(folder, &listing, prefix.text, err);
    else if (unlisted.status == SCL_DEVICE)
        status = scl_fail(err, SCL_DEVICE, "%s", unlisted.text);
    scl_folder_free(&listing);
    scl_str_free(&prefix);
    scl_free(folder);
    return status;
}

void scl_remove_tree(const char *path)
{
    struct stat info;
    scl_folder listing;
    if (lstat(path, &info) != 0)
        return;
    if (!S_ISDIR(info.st_mode)) {
        unlink(path);
        return;
    }
    if (scl_folder_list(path, &listing, NULL) != SCL_OK)
        return;
    for (size_t i = 0; i < listing.count; i++) {
        char *inner = scl_path_join(path, listing.names[i]);
        if (inner != NULL)
            scl_remove_tree(inner);
        scl_free(inner);
    }
    scl_folder_free(&listing);
    rmdir(path);
}
