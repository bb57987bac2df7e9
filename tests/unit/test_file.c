/* Writing files: devices and pipes are never replaced, and what killed writers left is removed. */
#include "data_support.h"

#include "base/staging.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

static int syncs;

/* In place of the C library's: counts. */
int fsync(int file)
{
    syncs++;
    return fdatasync(file);
}

static void assert_content(const char *path, const char *text)
{
    char found[64] = {0};
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_int_equal(fread(found, 1, sizeof found - 1, file), strlen(text));
    assert_string_equal(found, text);
    fclose(file);
}

static size_t count_in(const char *folder)
{
    scl_folder listing;
    assert_ok(scl_folder_list(folder, &listing, &test_error));
    size_t count = listing.count;
    scl_folder_free(&listing);
    return count;
}

/* Both by its own name and through a link, which also stays. */
static void a_pipe_is_written_to_and_stays(void **state)
{
    data_folder *folder = *state;
    char names[2][400], text[16] = {0};
    struct stat info;
    snprintf(names[0], sizeof names[0], "%s/pipe", folder->root);
    snprintf(names[1], sizeof names[1], "%s/link", folder->root);
    assert_int_equal(mkfifo(names[0], 0600), 0);
    assert_int_equal(symlink("pipe", names[1]), 0);
    int reader = open(names[0], O_RDONLY | O_NONBLOCK);
    for (int i = 0; i < 2; i++) {
        assert_ok(scl_file_write(names[i], "hello", 5, &test_error));
        assert_int_equal(read(reader, text, sizeof text), 5);
        assert_string_equal(text, "hello");
        assert_true(lstat(names[0], &info) == 0 && S_ISFIFO(info.st_mode));
        assert_true(lstat(names[1], &info) == 0 && S_ISLNK(info.st_mode));
    }
    scl_file_writer writer;
    assert_ok(scl_file_writer_open(&writer, names[0], &test_error));
    scl_file_writer_abort(&writer);
    assert_true(lstat(names[0], &info) == 0 && S_ISFIFO(info.st_mode));
    close(reader);
    assert_int_equal(count_in(folder->root), 4); /* images, masks, pipe, link */
}

static void behind_a_link_the_file_is_replaced(void **state)
{
    data_folder *folder = *state;
    char file[400], link[400];
    struct stat info;
    snprintf(file, sizeof file, "%s/file", folder->root);
    snprintf(link, sizeof link, "%s/masks/link", folder->root);
    assert_ok(scl_file_write(file, "old", 3, &test_error));
    assert_int_equal(symlink("../file", link), 0);
    assert_ok(scl_file_write(link, "new", 3, &test_error));
    assert_true(lstat(link, &info) == 0 && S_ISLNK(info.st_mode));
    assert_content(file, "new");
}

/* A process that has begun to write and waits to be killed. */
static pid_t begin_to_write(const char *path)
{
    int told[2];
    char byte;
    assert_int_equal(pipe(told), 0);
    pid_t child = fork();
    if (child == 0) {
        scl_file_writer writer;
        bool begun = scl_file_writer_open(&writer, path, NULL) == SCL_OK &&
                     fputs("half", writer.stream) >= 0 && fflush(writer.stream) == 0;
        if (!begun || write(told[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    close(told[1]);
    assert_int_equal(read(told[0], &byte, 1), 1);
    close(told[0]);
    return child;
}

static void end(pid_t child)
{
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
}

static void what_killed_writers_left_is_removed(void **state)
{
    data_folder *folder = *state;
    char path[400], other[400];
    snprintf(path, sizeof path, "%s/file", folder->masks);
    snprintf(other, sizeof other, "%s/file.tmp-1x", folder->masks);
    assert_ok(scl_file_write(other, "no writer's", 11, &test_error));
    pid_t killed = begin_to_write(path), living = begin_to_write(path);
    end(killed);
    assert_int_equal(count_in(folder->masks), 3);
    assert_ok(scl_file_write(path, "whole", 5, &test_error));
    assert_int_equal(count_in(folder->masks), 3); /* the file, the living one's, the other */
    end(living);
    assert_ok(scl_file_write(path, "again", 5, &test_error));
    assert_int_equal(count_in(folder->masks), 2);
    assert_content(path, "again");
    assert_content(other, "no writer's");
}

static void staged_folders_are_removed_with_what_they_hold(void **state)
{
    data_folder *folder = *state;
    char path[400], left[400], inner[500], outside[400];
    snprintf(path, sizeof path, "%s/model", folder->masks);
    snprintf(left, sizeof left, "%s/model.part-123", folder->masks);
    snprintf(inner, sizeof inner, "%s/deep/er", left);
    snprintf(outside, sizeof outside, "%s/kept", folder->images);
    assert_ok(scl_file_write(outside, "kept", 4, &test_error));
    assert_ok(scl_make_folders(inner, &test_error));
    strcat(inner, "/file");
    assert_ok(scl_file_write(inner, "x", 1, &test_error));
    snprintf(inner, sizeof inner, "%s/link", left);
    assert_int_equal(symlink(folder->images, inner), 0);
    int lock = open(left, O_RDONLY);
    char *mine = scl_staging_name(path, ".part-");
    int made = scl_staging_make(mine, true);
    assert_true(made >= 0);
    assert_int_equal(scl_staging_make(mine, true), -1);
    assert_ok(scl_staging_sweep(path, ".part-", &test_error));
    assert_false(scl_path_exists(left));
    assert_true(scl_path_is_folder(mine));
    assert_content(outside, "kept");
    close(lock);
    close(made);
    assert_ok(scl_staging_sweep(path, ".part-", &test_error));
    assert_int_equal(count_in(folder->masks), 0);
    scl_free(mine);
}

static void quick_files_do_not_wait_for_the_disk(void **state)
{
    char path[400];
    snprintf(path, sizeof path, "%s/file", ((data_folder *)*state)->masks);
    syncs = 0;
    scl_file_writer writer;
    assert_ok(scl_file_writer_open_quick(&writer, path, &test_error));
    fputs("quick", writer.stream);
    assert_ok(scl_file_writer_commit(&writer, &test_error));
    assert_content(path, "quick");
    assert_int_equal(syncs, 0);
    assert_ok(scl_file_write(path, "safe", 4, &test_error));
    assert_int_equal(syncs, 2); /* the file and its folder */
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, data_setup, data_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(a_pipe_is_written_to_and_stays),
        IN_FOLDER(behind_a_link_the_file_is_replaced),
        IN_FOLDER(what_killed_writers_left_is_removed),
        IN_FOLDER(staged_folders_are_removed_with_what_they_hold),
        IN_FOLDER(quick_files_do_not_wait_for_the_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
