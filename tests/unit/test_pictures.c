/* samcl-pictures: the painted pictures, the command line, and the files. */
#include "support.h"

#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "pictures/folder.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROGRAM TEST_BUILD "/samcl-pictures"

typedef struct pair {
    scl_image picture, mask;
} pair;

static pair paint(const char *kind, uint64_t seed, int number, int width, int height)
{
    pair made = {0};
    assert_ok(scl_kind_picture(scl_kind_find(kind), seed, number, width, height, &made.picture,
                               &made.mask, &test_error));
    return made;
}

static void free_pair(pair *made)
{
    scl_image_free(&made->picture);
    scl_image_free(&made->mask);
}

static uint64_t hash_of(const scl_image *image)
{
    size_t bytes = (size_t)image->width * (size_t)image->height * (size_t)image->channels;
    return scl_hash64(image->data, bytes, 0);
}

static uint64_t hash_of_picture(const char *kind, uint64_t seed, int number)
{
    pair made = paint(kind, seed, number, 97, 61);
    uint64_t hash = hash_of(&made.picture) ^ 3 * hash_of(&made.mask);
    free_pair(&made);
    return hash;
}

static void same_seed_same_bytes(void **state)
{
    (void)state;
    for (size_t k = 0; k < scl_kind_count; k++) {
        const char *kind = scl_kinds[k].name;
        assert_true(hash_of_picture(kind, 5, 3) == hash_of_picture(kind, 5, 3));
        assert_true(hash_of_picture(kind, 5, 3) != hash_of_picture(kind, 6, 3));
        assert_true(hash_of_picture(kind, 5, 3) != hash_of_picture(kind, 5, 4));
    }
}

/* What GCC and Clang, with and without optimisation, give on x86-64. */
static void pictures_are_the_same_on_every_machine(void **state)
{
    (void)state;
    const struct {
        const char *kind;
        uint64_t hash;
    } known[] = {
        {"shapes", 0x5a3ab1f3a625f8fd}, {"cells", 0x1b516beb56fbeb}, {"spots", 0x2ac4c6c0e015551b}};
    for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
        uint64_t hash = hash_of_picture(known[k].kind, 1, 1);
        if (hash != known[k].hash)
            fail_msg("%s: expected 0x%llx, found 0x%llx", known[k].kind,
                     (unsigned long long)known[k].hash, (unsigned long long)hash);
    }
}

static void check_pair(const char *kind, const pair *made, int width, int height)
{
    int areas[256] = {0}, count = 0;
    const uint8_t *ids = made->mask.data, *rgb = made->picture.data;
    assert_int_equal(made->picture.width, width);
    assert_int_equal(made->picture.height, height);
    assert_int_equal(made->mask.width, width);
    assert_int_equal(made->mask.height, height);
    assert_int_equal(made->picture.channels, 3);
    assert_int_equal(made->mask.channels, 1);
    for (int i = 0; i < width * height; i++)
        areas[ids[i]]++;
    for (int id = 1; id < 256; id++)
        count = areas[id] > 0 ? id : count;
    if (strcmp(kind, "spots") == 0) {
        assert_in_range(count, 1, 3);
    } else {
        assert_true(count >= 1);
        for (int id = 1; id <= count; id++)
            assert_true(areas[id] >= scl_painting_min_area(width, height));
    }
    uint8_t low = 255, high = 0;
    for (int i = 0; i < 3 * width * height; i++) {
        low = rgb[i] < low ? rgb[i] : low;
        high = rgb[i] > high ? rgb[i] : high;
    }
    assert_true(high - low >= 16); /* something is to be seen */
}

static void ids_are_contiguous_and_large_enough(void **state)
{
    (void)state;
    const int sizes[][2] = {{256, 256}, {97, 61}, {16, 16}, {17, 300}, {300, 16}};
    for (size_t k = 0; k < scl_kind_count; k++)
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
            for (int number = 1; number <= 12; number++) {
                pair made = paint(scl_kinds[k].name, 9, number, sizes[s][0], sizes[s][1]);
                check_pair(scl_kinds[k].name, &made, sizes[s][0], sizes[s][1]);
                free_pair(&made);
            }
}

/* A later object hides an earlier one; only what is still seen counts. */
static void small_ids_are_dropped_and_the_others_renumbered(void **state)
{
    (void)state;
    scl_painting painting;
    assert_ok(scl_painting_make(&painting, 20, 20, &test_error));
    for (int i = 0; i < 20; i++) {
        scl_painting_mark(&painting, i, 0, 7);
        scl_painting_mark(&painting, i, 2, 200);
        if (i < 15)
            scl_painting_mark(&painting, i, 1, 9); /* 15 pixels: one too few */
    }
    assert_int_equal(scl_painting_renumber(&painting), 2);
    assert_int_equal(scl_painting_id(&painting, 3, 0), 1);
    assert_int_equal(scl_painting_id(&painting, 3, 1), 0);
    assert_int_equal(scl_painting_id(&painting, 3, 2), 2);
    scl_painting_free(&painting);
}

/* A square of 2.5 x 2 pixels with a hole, exactly; a line of width 2 between pixel centres. */
static void coverage_is_the_covered_area(void **state)
{
    (void)state;
    scl_coverage cover;
    assert_ok(scl_coverage_make(&cover, 8, 6, &test_error));
    scl_outline box = {.points = {{1, 1}, {3.5, 1}, {3.5, 3}, {1, 3}}, .count = 4, .hole = 4};
    scl_coverage_fill(&cover, &box);
    double sum = 0;
    for (int y = 0; y < 6; y++)
        for (int x = 0; x < 8; x++)
            sum += scl_coverage_at(&cover, x, y);
    assert_true(sum > 4.9999 && sum < 5.0001);
    assert_true(scl_coverage_at(&cover, 3, 1) > 0.4999 && scl_coverage_at(&cover, 3, 1) < 0.5001);
    assert_true(scl_coverage_at(&cover, 4, 1) == 0 && scl_coverage_at(&cover, -1, 99) == 0);
    scl_outline line = {.points = {{2, 3}, {6, 3}}, .count = 2, .hole = 2, .width = 2};
    scl_coverage_fill(&cover, &line);
    assert_true(scl_coverage_at(&cover, 3, 2) == 1 && scl_coverage_at(&cover, 3, 3) == 1);
    assert_true(scl_coverage_at(&cover, 3, 1) == 0 && scl_coverage_at(&cover, 3, 4) == 0);
    scl_coverage_free(&cover);
}

static void the_wave_is_a_sine(void **state)
{
    (void)state;
    const double known[][2] = {{0, 0},     {1.0 / 12, 0.5}, {0.25, 1},       {0.5, 0},
                               {0.75, -1}, {-0.25, -1},     {7.0 / 12, -.5}, {100.25, 1}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        double error = scl_wave(known[i][0]) - known[i][1];
        assert_true(error < 1e-6 && error > -1e-6);
    }
}

#define USAGE(words, ...)                                                                          \
    do {                                                                                           \
        const char *args[] = {"samcl-pictures", __VA_ARGS__};                                      \
        scl_pictures_options options;                                                              \
        scl_error err = {0};                                                                       \
        assert_fails(                                                                              \
            scl_pictures_options_parse((int)(sizeof args / sizeof *args), args, &options, &err),   \
            SCL_BAD_CONFIG, err, words);                                                           \
        assert_null(strchr(err.text, '\n'));                                                       \
    } while (0)

static void wrong_usage_is_told_in_one_sentence(void **state)
{
    (void)state;
    USAGE("did you mean cells?", "cels", "--out", "x");
    USAGE("expected shapes, cells or spots", "landscapes-at-night", "--out", "x");
    USAGE("expected a kind", "--out", "x");
    USAGE("found cells and spots", "cells", "spots", "--out", "x");
    USAGE("--out FOLDER", "cells");
    USAGE("empty name", "cells", "--out", "");
    USAGE("did you mean --count?", "cells", "--cuont", "3", "--out", "x");
    USAGE("is no option", "cells", "--quality", "--out", "x");
    USAGE("expected a value after it", "cells", "--out");
    const char *counts[] = {"0", "-1", "1000001", "99999999999999999999", "3x", "", " 3", "1e3"};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        USAGE("--count: expected a whole number from 1 to 1000000", "cells", "--out", "x",
              "--count", counts[i]);
    USAGE("--seed: expected a whole number", "cells", "--out", "x", "--seed",
          "18446744073709551616");
    const char *sizes[] = {"256",
                           "15x16",
                           "16x15",
                           "4097x16",
                           "16x4097",
                           "256x",
                           "x256",
                           "0x0",
                           "-16x16",
                           "16X16",
                           "16x16x3",
                           "16x16 ",
                           "16x99999999999999999999"};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        USAGE("--size: expected WIDTHxHEIGHT", "cells", "--out", "x", "--size", sizes[i]);
}

static void options_are_read(void **state)
{
    (void)state;
    const char *args[] = {"samcl-pictures", "spots", "--count", "3",
                          "--size",         "97x61", "--seed",  "18446744073709551615",
                          "--binary",       "--out", "a"};
    scl_pictures_options options;
    assert_ok(scl_pictures_options_parse(11, args, &options, &test_error));
    assert_string_equal(options.kind->name, "spots");
    assert_int_equal(options.count, 3);
    assert_int_equal(options.width, 97);
    assert_int_equal(options.height, 61);
    assert_true(options.seed == UINT64_MAX);
    assert_true(options.binary);
    assert_string_equal(options.out, "a");
}

/* A new folder in the build folder. */
static void make_folder(char path[256])
{
    snprintf(path, 256, "%s/tests/pictures_XXXXXX", TEST_BUILD);
    assert_non_null(mkdtemp(path));
}

static int run_program(const char *args)
{
    char command[1024];
    snprintf(command, sizeof command, "'%s' %s 2>/dev/null >/dev/null", PROGRAM, args);
    int status = system(command);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void remove_folder(const char *path)
{
    char command[512];
    snprintf(command, sizeof command, "rm -rf '%s'", path);
    assert_int_equal(system(command), 0);
}

static void read_file(const char *folder, const char *name, scl_image *image)
{
    char *path = scl_path_join(folder, name);
    assert_ok(scl_image_read(path, image, &test_error));
    scl_free(path);
}

static void the_program_writes_pairs(void **state)
{
    (void)state;
    char folder[256], args[512];
    make_folder(folder);
    snprintf(args, sizeof args, "shapes --count 2 --seed 4 --size 64x48 --out '%s/new/f'", folder);
    assert_int_equal(run_program(args), 0);
    snprintf(args, sizeof args, "shapes --binary --count 1 --seed 4 --size 64x48 --out '%s/binary'",
             folder);
    assert_int_equal(run_program(args), 0);
    scl_image picture = {0}, mask = {0}, binary = {0};
    read_file(folder, "new/f/images/0001.png", &picture);
    read_file(folder, "new/f/masks/0001.png", &mask);
    read_file(folder, "binary/masks/0001.png", &binary);
    pair made = paint("shapes", 4, 1, 64, 48);
    assert_memory_equal(picture.data, made.picture.data, 64 * 48 * 3);
    assert_memory_equal(mask.data, made.mask.data, 64 * 48);
    for (int i = 0; i < 64 * 48; i++)
        assert_int_equal(((uint8_t *)binary.data)[i], ((uint8_t *)mask.data)[i] != 0 ? 255 : 0);
    scl_image_free(&picture);
    scl_image_free(&mask);
    scl_image_free(&binary);
    free_pair(&made);
    remove_folder(folder);
}

static void the_program_tells_what_went_wrong(void **state)
{
    (void)state;
    char folder[256], args[512];
    make_folder(folder);
    assert_int_equal(run_program("--help"), 0);
    assert_int_equal(run_program("cels --out x"), 2);
    assert_int_equal(run_program(""), 2);
    /* A file where the folder of images should be: the mask's folder alone, no files. */
    snprintf(args, sizeof args, "%s/images", folder);
    assert_ok(scl_file_write(args, "x", 1, &test_error));
    snprintf(args, sizeof args, "cells --count 1 --size 16x16 --out '%s'", folder);
    assert_int_equal(run_program(args), 1);
    snprintf(args, sizeof args, "%s/masks", folder);
    scl_folder found = {0};
    assert_ok(scl_folder_list(args, &found, &test_error));
    assert_int_equal(found.count, 0);
    scl_folder_free(&found);
    remove_folder(folder);
}

/* A folder stands where the image should go: its mask is there, and nothing half-written. */
static void a_failed_write_leaves_no_part(void **state)
{
    (void)state;
    char folder[256], path[512];
    make_folder(folder);
    snprintf(path, sizeof path, "%s/images/0001.png/in", folder);
    assert_ok(scl_make_folders(path, &test_error));
    scl_pictures_options options = {
        .kind = scl_kind_find("spots"), .count = 1, .width = 16, .height = 16, .out = folder};
    scl_error err = {0};
    assert_fails(scl_pictures_write(&options, &err), SCL_FAILED, err, "0001.png");
    snprintf(path, sizeof path, "%s/images", folder);
    scl_folder found = {0};
    assert_ok(scl_folder_list(path, &found, &test_error));
    assert_int_equal(found.count, 1);
    scl_folder_free(&found);
    remove_folder(folder);
}

static void failing_allocations_are_reported(void **state)
{
    (void)state;
    scl_status status = SCL_DEVICE;
    for (long n = 0; n < 40 && status != SCL_OK; n++) {
        pair made = {0};
        scl_error err = {0};
        scl_alloc_fail_after(n);
        status =
            scl_kind_picture(scl_kind_find("cells"), 1, 1, 32, 32, &made.picture, &made.mask, &err);
        scl_alloc_fail_after(-1);
        assert_true(status == SCL_OK || status == SCL_DEVICE);
        free_pair(&made);
    }
    assert_int_equal(status, SCL_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_seed_same_bytes),
        cmocka_unit_test(pictures_are_the_same_on_every_machine),
        cmocka_unit_test(ids_are_contiguous_and_large_enough),
        cmocka_unit_test(small_ids_are_dropped_and_the_others_renumbered),
        cmocka_unit_test(coverage_is_the_covered_area),
        cmocka_unit_test(the_wave_is_a_sine),
        cmocka_unit_test(wrong_usage_is_told_in_one_sentence),
        cmocka_unit_test(options_are_read),
        cmocka_unit_test(the_program_writes_pairs),
        cmocka_unit_test(the_program_tells_what_went_wrong),
        cmocka_unit_test(a_failed_write_leaves_no_part),
        cmocka_unit_test(failing_allocations_are_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
