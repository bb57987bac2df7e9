/* data_support.h — small data sets that a test writes itself, and what the library logs. */
#ifndef SCL_TESTS_DATA_SUPPORT_H
#define SCL_TESTS_DATA_SUPPORT_H

#include "support.h"

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "config/run_config.h"
#include "io/image.h"
#include "pattern.h"
#include "samcl/plugin.h"

#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

/* A folder of its own, with images/ and masks/ in it. */
typedef struct data_folder {
    char root[200], images[220], masks[220];
    char path[512]; /* of data_path */
} data_folder;

static inline int data_setup(void **state)
{
    data_folder *folder = calloc(1, sizeof *folder);
    const char *base = getenv("TMPDIR");
    snprintf(folder->root, sizeof folder->root, "%s/samcl-test-XXXXXX",
             base != NULL ? base : "/tmp");
    assert_non_null(mkdtemp(folder->root));
    snprintf(folder->images, sizeof folder->images, "%s/images", folder->root);
    snprintf(folder->masks, sizeof folder->masks, "%s/masks", folder->root);
    assert_ok(scl_make_folders(folder->images, &test_error));
    assert_ok(scl_make_folders(folder->masks, &test_error));
    *state = folder;
    return 0;
}

static inline void data_empty_folder(const char *path)
{
    scl_folder listing;
    if (scl_folder_list(path, &listing, NULL) != SCL_OK)
        return;
    for (size_t i = 0; i < listing.count; i++) {
        char *name = scl_path_join(path, listing.names[i]);
        if (scl_path_is_folder(name))
            data_empty_folder(name);
        remove(name);
        scl_free(name);
    }
    scl_folder_free(&listing);
}

static inline int data_teardown(void **state)
{
    data_folder *folder = *state;
    data_empty_folder(folder->root);
    rmdir(folder->root);
    free(folder);
    return 0;
}

/* "root/folder/name", until the next call. */
static inline const char *data_path(data_folder *folder, const char *where, const char *name)
{
    snprintf(folder->path, sizeof folder->path, "%s/%s/%s", folder->root, where, name);
    return folder->path;
}

static inline scl_data_folders data_folders(const data_folder *folder)
{
    return (scl_data_folders){1, folder->images, folder->masks};
}

/* The defaults, with no prompt. */
static inline scl_data_config data_config(int32_t task)
{
    static scl_prompt_config none = {.kind = SCL_PROMPT_NONE, .weight = 1, .none = {1}};
    return (scl_data_config){.given = 1,
                             .task = task,
                             .classes = SCL_UNSET_INT,
                             .ignore_index = SCL_UNSET_INT,
                             .prompts = {&none, 1},
                             .random_crop = 1,
                             .objects_per_image = 1,
                             .min_object_area = 1};
}

/* Gray pixels of 8 bits. */
static inline void data_write_gray(const char *path, int width, int height, const uint8_t *values)
{
    scl_image image;
    assert_ok(scl_image_make(&image, width, height, 1, 8, &test_error));
    memcpy(image.data, values, (size_t)width * (size_t)height);
    assert_ok(scl_image_write_png(path, &image, &test_error));
    scl_image_free(&image);
}

/* An RGB picture of the byte pattern from `start` on. */
static inline void data_write_picture(const char *path, int width, int height, uint64_t start)
{
    scl_image image;
    assert_ok(scl_image_make(&image, width, height, 3, 8, &test_error));
    uint8_t *bytes = image.data;
    for (size_t i = 0; i < (size_t)width * (size_t)height * 3; i++)
        bytes[i] = pattern_byte(start + i);
    assert_ok(scl_image_write_png(path, &image, &test_error));
    scl_image_free(&image);
}

/* A rectangle of `value` on 0; right and bottom are exclusive. */
static inline void data_write_rectangle(const char *path, int width, int height, int left, int top,
                                        int right, int bottom, uint8_t value)
{
    uint8_t *values = scl_calloc((size_t)width * (size_t)height, 1);
    for (int y = top; y < bottom; y++)
        for (int x = left; x < right; x++)
            values[y * width + x] = value;
    data_write_gray(path, width, height, values);
    scl_free(values);
}

/* What was logged since data_log_start. One thread. */
static char data_log_text[8192] __attribute__((unused));

static inline void data_log_sink(void *user, scl_log_level level, const char *text)
{
    (void)user;
    size_t length = strlen(data_log_text);
    if (level != SCL_LOG_DEBUG)
        snprintf(data_log_text + length, sizeof data_log_text - length, "%s\n", text);
}

static inline void data_log_start(void)
{
    data_log_text[0] = '\0';
    scl_log_remove_sink(data_log_sink, NULL);
    scl_log_add_sink(data_log_sink, NULL);
}

#define assert_logged(words)                                                                       \
    do {                                                                                           \
        if (strstr(data_log_text, words) == NULL)                                                  \
            fail_msg("expected \"%s\" in the log, found: %s", words, data_log_text);               \
    } while (0)

#endif
