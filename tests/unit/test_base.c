/* The base room: strings, random numbers, files, errors. */
#include "support.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/str.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

static void glob_matches_whole_names(void **state)
{
    (void)state;
    assert_true(
        scl_glob_match("image_encoder.blocks.*.attn.qkv", "image_encoder.blocks.11.attn.qkv"));
    assert_true(scl_glob_match("*", ""));
    assert_true(scl_glob_match("a?c*", "abcdef"));
    assert_false(scl_glob_match("mask_decoder", "mask_decoder.iou_token"));
    assert_false(scl_glob_match("*.qkv", "x.qkv.weight"));
}

static void nearest_name_finds_misspellings_only(void **state)
{
    (void)state;
    const char *names[] = {"learning_rate", "weight_decay", "epochs"};
    assert_string_equal(scl_nearest_name("epoch", names, 3), "epochs");
    assert_string_equal(scl_nearest_name("wieght_decay", names, 3), "weight_decay");
    assert_null(scl_nearest_name("zzz", names, 3));
    static const char *const losses[] = {"bce", "dice"};
    assert_string_equal(scl_nearest_name("dcie", losses, 2), "dice"); /* one swap, not two edits */
    assert_int_equal(scl_edit_distance("abc", ""), 3);
    assert_int_equal(scl_edit_distance("kitten", "Sitting"), 3);
}

static void characters_are_counted_in_bytes(void **state)
{
    (void)state;
    const char *text = "é€x";
    assert_int_equal(scl_character_bytes(text, NULL), 2);
    assert_int_equal(scl_character_bytes(text + 2, NULL), 3);
    assert_int_equal(scl_character_bytes(text + 2, text + 4), 2); /* cut off */
    assert_int_equal(scl_character_bytes(text + 5, NULL), 1);
}

static void first_error_is_kept_and_prefixed(void **state)
{
    (void)state;
    scl_error err = {0};
    assert_int_equal(scl_fail(&err, SCL_BAD_DATA, "expected %d, found %d", 1, 2), SCL_BAD_DATA);
    scl_fail(&err, SCL_DEVICE, "later");
    scl_error_prefix(&err, "file.png");
    assert_string_equal(err.text, "file.png: expected 1, found 2");
    assert_int_equal(err.status, SCL_BAD_DATA);
}

/* Known answers of the Random123 distribution for philox4x32-10 (kat_vectors: all 0). */
static void philox_matches_its_known_answer(void **state)
{
    (void)state;
    scl_rng rng = {0};
    const uint32_t expected[4] = {0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u};
    for (int i = 0; i < 4; i++)
        assert_int_equal(scl_rng_u32(&rng), expected[i]);
}

static void random_streams_are_repeatable_and_distinct(void **state)
{
    (void)state;
    scl_rng a = scl_rng_make(7, "shuffle", 1, 2), b = a;
    scl_rng other = scl_rng_make(7, "shuffle", 2, 1);
    int same = 0;
    for (int i = 0; i < 100; i++) {
        uint32_t value = scl_rng_u32(&a);
        assert_int_equal(value, scl_rng_u32(&b));
        same += value == scl_rng_u32(&other);
    }
    assert_true(same < 3);
    double sum = 0, squares = 0;
    for (int i = 0; i < 20000; i++) {
        double x = scl_rng_normal(&a);
        sum += x;
        squares += x * x;
    }
    assert_true(fabs(sum / 20000) < 0.03);
    assert_true(fabs(squares / 20000 - 1) < 0.05);
}

static void permutation_holds_every_index_once(void **state)
{
    (void)state;
    scl_rng rng = scl_rng_make(3, "order", 0, 0);
    uint32_t order[97];
    int seen[97] = {0};
    scl_rng_permutation(&rng, order, 97);
    for (int i = 0; i < 97; i++)
        seen[order[i]]++;
    for (int i = 0; i < 97; i++)
        assert_int_equal(seen[i], 1);
}

static void aborted_write_leaves_the_old_file(void **state)
{
    (void)state;
    char path[] = "/tmp/samcl-test-XXXXXX";
    close(mkstemp(path));
    assert_ok(scl_file_write(path, "old", 3, &test_error));
    scl_file_writer writer;
    assert_ok(scl_file_writer_open(&writer, path, &test_error));
    fputs("new and longer", writer.stream);
    scl_file_writer_abort(&writer);
    scl_file_map map;
    assert_ok(scl_file_map_open(path, &map, &test_error));
    assert_int_equal(map.size, 3);
    assert_memory_equal(map.data, "old", 3);
    scl_file_unmap(&map);
    unlink(path);
}

static void full_disk_is_an_error_and_keeps_the_old_file(void **state)
{
    (void)state;
    scl_error err = {0};
    scl_file_writer writer;
    char path[] = "/tmp/samcl-test-XXXXXX";
    close(mkstemp(path));
    assert_ok(scl_file_writer_open(&writer, path, &err));
    FILE *full = fopen("/dev/full", "w");
    assert_non_null(full);
    fclose(writer.stream);
    writer.stream = full;
    fputs("data", writer.stream);
    assert_int_equal(scl_file_writer_commit(&writer, &err), SCL_FAILED);
    assert_non_null(strstr(err.text, "No space left"));
    unlink(path);
}

static void bytes_are_told_in_units(void **state)
{
    (void)state;
    static const struct {
        size_t bytes;
        const char *text;
    } cases[] = {{0, "0 bytes"},
                 {1, "1 byte"},
                 {1023, "1023 bytes"},
                 {1024, "1.0 KiB"},
                 {1536, "1.5 KiB"},
                 {1048575, "1.0 MiB"},
                 {(size_t)64 << 20, "64.0 MiB"},
                 {1717986918, "1.6 GiB"},
                 {(size_t)3 << 40, "3.0 TiB"},
                 {SIZE_MAX, "16777216.0 TiB"}};
    char text[SCL_BYTES_TEXT];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(scl_bytes_text(cases[i].bytes, text), cases[i].text);
    scl_error err = {0};
    assert_int_equal(scl_out_of_memory(&err, (size_t)1536 << 20, "a test"), SCL_DEVICE);
    assert_string_equal(err.text, "out of host memory: could not allocate 1.5 GiB for a test");
}

static void failing_allocation_is_seen(void **state)
{
    (void)state;
    scl_str str = {0};
    scl_alloc_fail_after(0);
    scl_str_add(&str, "text");
    scl_alloc_fail_after(-1);
    assert_true(str.failed);
    assert_string_equal(scl_str_text(&str), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(glob_matches_whole_names),
        cmocka_unit_test(nearest_name_finds_misspellings_only),
        cmocka_unit_test(characters_are_counted_in_bytes),
        cmocka_unit_test(first_error_is_kept_and_prefixed),
        cmocka_unit_test(philox_matches_its_known_answer),
        cmocka_unit_test(random_streams_are_repeatable_and_distinct),
        cmocka_unit_test(permutation_holds_every_index_once),
        cmocka_unit_test(aborted_write_leaves_the_old_file),
        cmocka_unit_test(full_disk_is_an_error_and_keeps_the_old_file),
        cmocka_unit_test(bytes_are_told_in_units),
        cmocka_unit_test(failing_allocation_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
