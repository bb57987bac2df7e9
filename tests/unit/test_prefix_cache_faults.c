/* The cache of what frozen layers computed: files gone wrong, and folders that do not serve. */
#include "prefix_cache_support.h"

/* ------------------------------------------------------------------ files gone wrong */

/* The file of entry 1 with other content: it is counted, deleted and missed. Hundreds are written,
 * so not with scl_file_write, which waits for the disk. */
static void check_damaged(data_folder *folder, const void *data, size_t size)
{
    FILE *file = fopen(file_of(folder, 1), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
    scl_prefix_cache *cache = open_cache(PLENTY, PLENTY, cache_folder(folder));
    assert_false(get(cache, 1));
    check_stats(cache, 0, 0, 1, 1);
    check_bytes(cache, 0, 0);
    assert_false(scl_path_exists(file_of(folder, 1)));
    assert_false(get(cache, 1));
    check_stats(cache, 0, 0, 2, 1);
    scl_prefix_cache_close(cache);
}

static size_t read_entry_file(data_folder *folder, uint64_t number, uint8_t bytes[ENTRY_FILE + 1])
{
    scl_prefix_cache *cache = open_cache(0, PLENTY, cache_folder(folder));
    put(cache, number);
    scl_prefix_cache_close(cache);
    scl_file_map map;
    assert_ok(scl_file_map_open(file_of(folder, number), &map, &test_error));
    size_t size = map.size;
    assert_int_equal(size, ENTRY_FILE);
    memcpy(bytes, map.data, size);
    scl_file_unmap(&map);
    unlink(file_of(folder, number));
    return size;
}

static void damaged_files_are_deleted(void **state)
{
    data_folder *folder = *state;
    uint8_t bytes[ENTRY_FILE + 1] = {0};
    size_t size = read_entry_file(folder, 1, bytes);
    for (size_t length = 0; length < size; length++)
        check_damaged(folder, bytes, length);
    check_damaged(folder, bytes, size + 1);
    for (size_t i = 0; i < size * 8; i++) {
        bytes[i / 8] ^= (uint8_t)(1 << i % 8);
        check_damaged(folder, bytes, size);
        bytes[i / 8] ^= (uint8_t)(1 << i % 8);
    }
    uint8_t foreign[ENTRY_FILE + 1];
    read_entry_file(folder, 2, foreign);
    check_damaged(folder, foreign, size); /* the entry of another key */
    data_log_start();
    check_damaged(folder, "hello", 5);
    assert_logged(file_of(folder, 1));
    assert_logged("damaged or cut-off cache file was deleted");
    assert_ok(scl_file_write(file_of(folder, 1), bytes, size, &test_error));
    scl_prefix_cache *cache = open_cache(0, PLENTY, cache_folder(folder));
    assert_true(get(cache, 1));
    scl_prefix_cache_close(cache);
}

static void a_damaged_file_is_replaced_by_the_next_put(void **state)
{
    data_folder *folder = *state;
    scl_prefix_cache *cache = open_cache(0, PLENTY, cache_folder(folder));
    put(cache, 1);
    assert_ok(scl_file_write(file_of(folder, 1), "x", 1, &test_error));
    assert_false(get(cache, 1));
    check_bytes(cache, 0, 0);
    put(cache, 1);
    assert_true(get(cache, 1));
    check_bytes(cache, 0, ENTRY_FILE);
    unlink(file_of(folder, 1)); /* by someone else: gone, not damaged */
    assert_false(get(cache, 1));
    check_stats(cache, 0, 1, 2, 1);
    check_bytes(cache, 0, 0);
    scl_prefix_cache_close(cache);
}

static void files_of_other_counts_are_damaged(void **state)
{
    data_folder *folder = *state;
    scl_prefix_cache *cache = open_cache(0, PLENTY, cache_folder(folder));
    float first[FIRST], second[SECOND];
    float *const out[] = {first, second};
    const size_t shapes[3][2] = {{FIRST - 1, SECOND}, {FIRST, SECOND - 1}, {SECOND, FIRST}};
    for (int i = 0; i < 3; i++) {
        put(cache, 1);
        float large[SECOND];
        float *const room[] = {large, second};
        assert_false(scl_prefix_cache_get(cache, key_of(1), room, shapes[i], 2));
    }
    put(cache, 1);
    assert_false(scl_prefix_cache_get(cache, key_of(1), out, counts, 1));
    check_stats(cache, 0, 0, 4, 4);
    assert_int_equal(count_files(folder), 0);
    scl_prefix_cache_close(cache);
}

/* ------------------------------------------------------------------ folders that don't serve */

static void check_memory_serves(scl_prefix_cache *cache, uint64_t number)
{
    put(cache, number);
    assert_true(get(cache, number));
    assert_int_equal(scl_prefix_cache_statistics(cache).disk_bytes, 0);
}

static void without_a_folder_memory_serves(void **state)
{
    data_folder *folder = *state;
    const char *file = data_path(folder, "images", "file");
    assert_ok(scl_file_write(file, "x", 1, &test_error));
    unsigned fallbacks = scl_fallback_count();
    data_log_start();
    scl_prefix_cache *cache = open_cache(PLENTY, PLENTY, file); /* a file */
    assert_logged("fallback: the cache of frozen layers stays in memory: ");
    check_memory_serves(cache, 1);
    scl_prefix_cache_close(cache);
    cache = open_cache(PLENTY, PLENTY, data_path(folder, "images/file", "cache")); /* below one */
    check_memory_serves(cache, 1);
    scl_prefix_cache_close(cache);
    assert_int_equal(scl_fallback_count(), fallbacks + 2);
    cache = open_cache(0, 0, NULL); /* no place at all */
    put(cache, 1);
    assert_false(get(cache, 1));
    scl_prefix_cache_close(cache);
}

static void a_folder_without_permission_is_a_fallback(void **state)
{
    data_folder *folder = *state;
    if (geteuid() == 0) {
        print_message("[ SKIPPED  ] root may write anywhere\n");
        skip();
    }
    chmod(folder->images, 0555);
    data_log_start();
    scl_prefix_cache *cache = open_cache(PLENTY, PLENTY, folder->images);
    assert_logged("fallback: the cache of frozen layers stays in memory: ");
    assert_logged(folder->images);
    check_memory_serves(cache, 1);
    scl_prefix_cache_close(cache);
    chmod(folder->images, 0755);
}

static void a_folder_that_disappears_is_a_fallback(void **state)
{
    data_folder *folder = *state;
    scl_prefix_cache *cache = open_cache(PLENTY, PLENTY, cache_folder(folder));
    put(cache, 1);
    data_empty_folder(cache_folder(folder));
    rmdir(cache_folder(folder));
    data_log_start();
    put(cache, 2);
    assert_logged("fallback: the cache of frozen layers stays in memory: ");
    assert_logged("No such file");
    assert_true(get(cache, 1) && get(cache, 2));
    check_memory_serves(cache, 3);
    assert_false(scl_path_exists(cache_folder(folder)));
    scl_prefix_cache_close(cache);
}

/* A limit on the size of files stands for a full disk: the write fails half-way. */
static void a_full_disk_is_a_fallback(void **state)
{
    data_folder *folder = *state;
    scl_prefix_cache *cache = open_cache(PLENTY, PLENTY, cache_folder(folder));
    put(cache, 1);
    struct rlimit before, small;
    getrlimit(RLIMIT_FSIZE, &before);
    small = before;
    small.rlim_cur = ENTRY_FILE / 2;
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    data_log_start();
    setrlimit(RLIMIT_FSIZE, &small);
    put(cache, 2);
    setrlimit(RLIMIT_FSIZE, &before);
    signal(SIGXFSZ, handler);
    assert_logged("fallback: the cache of frozen layers stays in memory: ");
    assert_true(get(cache, 1) && get(cache, 2));
    scl_prefix_cache_close(cache);
    assert_int_equal(count_files(folder), 1);
    cache = open_cache(0, PLENTY, cache_folder(folder));
    assert_true(get(cache, 1) && !get(cache, 2));
    scl_prefix_cache_close(cache);
}

int main(void)
{
#define DATA_TEST(test) cmocka_unit_test_setup_teardown(test, data_setup, data_teardown)
    const struct CMUnitTest tests[] = {
        DATA_TEST(damaged_files_are_deleted),
        DATA_TEST(a_damaged_file_is_replaced_by_the_next_put),
        DATA_TEST(files_of_other_counts_are_damaged),
        DATA_TEST(without_a_folder_memory_serves),
        DATA_TEST(a_folder_without_permission_is_a_fallback),
        DATA_TEST(a_folder_that_disappears_is_a_fallback),
        DATA_TEST(a_full_disk_is_a_fallback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
