#include "train/run_folder.h"

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MAX_RUNS 100000

char *scl_run_folder_file(const scl_run_folder *folder, const char *name)
{
    return scl_path_join(folder->path, name);
}

/* Every message of the library goes to train.log too. */
static void log_line(void *user, scl_log_level level, const char *text)
{
    scl_run_folder *folder = user;
    char stamp[32];
    time_t now = time(NULL);
    struct tm local;
    localtime_r(&now, &local);
    strftime(stamp, sizeof stamp, "%Y-%m-%d %H:%M:%S", &local);
    fprintf(folder->log, "%s %s %s\n", stamp, level == SCL_LOG_WARN ? "warning:" : "-", text);
    fflush(folder->log);
}

static scl_status open_stream(const scl_run_folder *folder, const char *name, FILE **stream,
                              scl_error *err)
{
    char *path = scl_run_folder_file(folder, name);
    if (path == NULL)
        return scl_out_of_memory(err, strlen(name), "a file name");
    *stream = fopen(path, "ae");
    scl_status status = SCL_OK;
    if (*stream == NULL)
        status = scl_fail(err, SCL_FAILED, "%s: cannot be written: %s", path, strerror(errno));
    scl_free(path);
    return status;
}

static scl_status open_streams(scl_run_folder *folder, scl_error *err)
{
    static const char *const inner[] = {"checkpoints", "plots", "samples"};
    for (size_t i = 0; i < sizeof inner / sizeof *inner; i++) {
        char *path = scl_run_folder_file(folder, inner[i]);
        scl_status status =
            path == NULL ? scl_out_of_memory(err, 64, "a file name") : scl_make_folders(path, err);
        scl_free(path);
        SCL_TRY(status);
    }
    SCL_TRY(open_stream(folder, "metrics.jsonl", &folder->metrics, err));
    SCL_TRY(open_stream(folder, "train.log", &folder->log, err));
    scl_log_add_sink(log_line, folder);
    return SCL_OK;
}

static scl_status make_numbered(const char *output_dir, const char *name, char **out,
                                scl_error *err)
{
    SCL_TRY(scl_make_folders(output_dir, err));
    for (int number = 1; number < MAX_RUNS; number++) {
        scl_str path = {0};
        scl_str_add(&path, "%s/%s", output_dir, name);
        if (number > 1)
            scl_str_add(&path, "-%d", number);
        if (path.failed)
            return scl_out_of_memory(err, 256, "a folder name");
        if (mkdir(path.text, 0777) == 0) {
            *out = path.text;
            return SCL_OK;
        }
        int reason = errno;
        if (reason != EEXIST)
            scl_fail(err, SCL_FAILED, "%s: folder cannot be made: %s", path.text, strerror(reason));
        scl_str_free(&path);
        if (reason != EEXIST)
            return SCL_FAILED;
    }
    return scl_fail(err, SCL_FAILED, "%s holds too many runs named %s", output_dir, name);
}

scl_status scl_run_folder_create(const char *output_dir, const char *name, scl_run_folder *folder,
                                 scl_error *err)
{
    *folder = (scl_run_folder){0};
    SCL_TRY(make_numbered(output_dir, name, &folder->path, err));
    return open_streams(folder, err);
}

scl_status scl_run_folder_open(const char *path, scl_run_folder *folder, scl_error *err)
{
    *folder = (scl_run_folder){.path = scl_strdup(path)};
    if (folder->path == NULL)
        return scl_out_of_memory(err, strlen(path), "a folder name");
    for (size_t n = strlen(folder->path); n > 1 && folder->path[n - 1] == '/'; n--)
        folder->path[n - 1] = '\0';
    if (!scl_path_is_folder(folder->path))
        return scl_fail(err, SCL_BAD_CONFIG, "%s: expected the folder of a run", path);
    return open_streams(folder, err);
}

void scl_run_folder_close(scl_run_folder *folder)
{
    scl_log_remove_sink(log_line, folder);
    if (folder->metrics != NULL)
        fclose(folder->metrics);
    if (folder->log != NULL)
        fclose(folder->log);
    scl_free(folder->path);
    *folder = (scl_run_folder){0};
}

scl_status scl_run_folder_write(const scl_run_folder *folder, const char *name, const char *text,
                                scl_error *err)
{
    char *path = scl_run_folder_file(folder, name);
    if (path == NULL)
        return scl_out_of_memory(err, strlen(name), "a file name");
    scl_status status = scl_file_write(path, text, strlen(text), err);
    scl_free(path);
    return status;
}

scl_status scl_run_folder_metric(scl_run_folder *folder, const char *line, scl_error *err)
{
    if (fprintf(folder->metrics, "%s\n", line) < 0 || fflush(folder->metrics) != 0)
        return scl_fail(err, SCL_FAILED, "%s/metrics.jsonl: cannot be written: %s", folder->path,
                        strerror(errno));
    return SCL_OK;
}

scl_status scl_run_folder_append(const scl_run_folder *folder, const char *name, const char *line,
                                 scl_error *err)
{
    FILE *stream = NULL;
    SCL_TRY(open_stream(folder, name, &stream, err));
    bool written = fprintf(stream, "%s\n", line) >= 0;
    if (fclose(stream) == 0 && written)
        return SCL_OK;
    return scl_fail(err, SCL_FAILED, "%s/%s: cannot be written: %s", folder->path, name,
                    strerror(errno));
}

scl_status scl_run_folder_rewind(const scl_run_folder *folder, const char *name, size_t lines,
                                 scl_error *err)
{
    scl_file_map map;
    char *path = scl_run_folder_file(folder, name);
    if (path == NULL)
        return scl_out_of_memory(err, 64, "a file name");
    scl_status status = scl_file_map_open(path, &map, err);
    if (status == SCL_OK) {
        size_t end = 0, found = 0;
        for (size_t i = 0; i < map.size && found < lines; i++)
            if (map.data[i] == '\n') {
                found++;
                end = i + 1;
            }
        scl_file_unmap(&map);
        if (truncate(path, (off_t)end) != 0)
            status =
                scl_fail(err, SCL_FAILED, "%s: cannot be shortened: %s", path, strerror(errno));
    }
    scl_free(path);
    return status;
}
