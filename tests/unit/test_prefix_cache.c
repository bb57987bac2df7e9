/* The cache of what frozen layers computed: limits, and files that outlive it. */
#include "prefix_cache_support.h"

/* ------------------------------------------------------------------ memory */

static void memory_gives_back_what_was_put(void **state)
{
    (void)state;
    scl_prefix_cache *cache = open_cache(PLENTY, PLENTY, NULL);
    assert_false(get(cache, 1));
    put(cache, 1);
    put(cache, 2);
    assert_true(get(cache, 1) && get(cache, 2) && get(cache, 1));
    assert_false(get(cache, 3));
    check_stats(cache, 3, 0, 2, 0);
    check_bytes(cache, 2 * ENTRY, 0);
    scl_prefix_cache_close(cache);
    scl_prefix_cache_close(NULL);
}

static void a_second_put_replaces_the_first(void **state)
{
    (void)state;
    scl_prefix_cache *cache = open_cache(PLENTY, 0, NULL);
    const float one[4] = {1, 2, 3, 4}, two[2] = {5, 6};
    const float *const first[] = {one}, *const second[] = {two};
    scl_prefix_cache_put(cache, key_of(1), first, (const size_t[]){4}, 1);
    check_bytes(cache, 8 + 16, 0);
    scl_prefix_cache_put(cache, key_of(1), second, (const size_t[]){2}, 1);
    check_bytes(cache, 8 + 8, 0);
    float values[2];
    float *const out[] = {values};
    assert_true(scl_prefix_cache_get(cache, key_of(1), out, (const size_t[]){2}, 1));
    assert_memory_equal(values, two, sizeof two);
    scl_prefix_cache_close(cache);
}

static void the_least_recently_used_goes_first(void **state)
{
    (void)state;
    scl_prefix_cache *cache = open_cache(3 * ENTRY + ENTRY / 2, 0, NULL);
    for (uint64_t i = 1; i <= 3; i++)
        put(cache, i);
    assert_true(get(cache, 1)); /* 2 is now the least recently used */
    put(cache, 4);
    assert_true(!get(cache, 2) && get(cache, 3) && get(cache, 1) && get(cache, 4));
    put(cache, 3); /* puts count as uses: now 1, 4, 3 */
    put(cache, 5);
    assert_true(!get(cache, 1) && get(cache, 4) && get(cache, 3) && get(cache, 5));
    check_bytes(cache, 3 * ENTRY, 0);
    scl_prefix_cache_close(cache);
}

static void a_large_entry_takes_the_place_of_several(void **state)
{
    (void)state;
    scl_prefix_cache *cache = open_cache(4 * ENTRY, 0, NULL);
    for (uint64_t i = 1; i <= 4; i++)
        put(cache, i);
    float values[(2 * ENTRY - 8) / 4] = {7};
    const float *const arrays[] = {values};
    const size_t count[] = {sizeof values / sizeof *values};
    scl_prefix_cache_put(cache, key_of(9), arrays, count, 1);
    assert_true(!get(cache, 1) && !get(cache, 2) && get(cache, 3) && get(cache, 4));
    check_bytes(cache, 4 * ENTRY, 0);
    scl_prefix_cache_close(cache);
}

static void what_is_larger_than_the_limit_is_not_kept(void **state)
{
    data_folder *folder = *state;
    scl_prefix_cache *cache = open_cache(ENTRY, PLENTY, cache_folder(folder));
    float values[ENTRY] = {1, 2}, read[ENTRY];
    const float *const arrays[] = {values};
    float *const out[] = {read};
    const size_t count[] = {ENTRY};
    put(cache, 1);
    scl_prefix_cache_put(cache, key_of(2), arrays, count, 1); /* on disk only */
    check_bytes(cache, ENTRY, ENTRY_FILE + 40 + 8 + ENTRY * 4);
    assert_true(scl_prefix_cache_get(cache, key_of(2), out, count, 1));
    assert_memory_equal(read, values, sizeof values);
    assert_true(get(cache, 1));
    check_stats(cache, 1, 1, 0, 0);
    scl_prefix_cache_close(cache);

    cache = open_cache(PLENTY, ENTRY_FILE, data_path(folder, "images", "other"));
    put(cache, 1);
    scl_prefix_cache_put(cache, key_of(2), arrays, count, 1); /* in memory only */
    check_bytes(cache, ENTRY + 8 + ENTRY * 4, ENTRY_FILE);
    scl_prefix_cache_close(cache);
}

static void other_counts_are_a_miss(void **state)
{
    (void)state;
    scl_prefix_cache *cache = open_cache(PLENTY, 0, NULL);
    put(cache, 1);
    float first[FIRST + 1], second[SECOND];
    float *const out[] = {first, second};
    assert_false(scl_prefix_cache_get(cache, key_of(1), out, counts, 1));
    assert_false(
        scl_prefix_cache_get(cache, key_of(1), out, (const size_t[]){FIRST + 1, SECOND}, 2));
    assert_false(scl_prefix_cache_get(cache, key_of(1), out, (const size_t[]){SECOND, FIRST}, 2));
    assert_true(get(cache, 1));
    check_stats(cache, 1, 0, 3, 0);
    scl_prefix_cache_close(cache);
}

/* More than the table starts with, and keys that fall in one bucket whatever its size. */
static void many_entries_are_found(void **state)
{
    enum { MANY = 1000 };
    (void)state;
    scl_prefix_cache *cache = open_cache(PLENTY, 0, NULL);
    const size_t one[] = {1};
    float value;
    const float *const in[] = {&value};
    float *const out[] = {&value};
    for (uint64_t i = 0; i < MANY; i++) {
        value = (float)i;
        scl_prefix_cache_put(cache, (scl_hash128){.low = i << 32, .high = 5}, in, one, 1);
        value = -(float)i;
        scl_prefix_cache_put(cache, (scl_hash128){.low = 7, .high = i}, in, one, 1);
    }
    for (uint64_t i = 0; i < MANY; i++) {
        assert_true(
            scl_prefix_cache_get(cache, (scl_hash128){.low = i << 32, .high = 5}, out, one, 1));
        assert_true(value == (float)i);
        assert_true(scl_prefix_cache_get(cache, (scl_hash128){.low = 7, .high = i}, out, one, 1));
        assert_true(value == -(float)i);
    }
    scl_prefix_cache_close(cache);
}

/* ------------------------------------------------------------------ disk */

static void files_outlive_the_cache(void **state)
{
    data_folder *folder = *state;
    scl_prefix_cache *cache = open_cache(PLENTY, PLENTY, cache_folder(folder));
    put(cache, 1);
    put(cache, 2);
    check_bytes(cache, 2 * ENTRY, 2 * ENTRY_FILE);
    scl_prefix_cache_close(cache);
    struct stat info;
    assert_int_equal(stat(file_of(folder, 1), &info), 0);
    assert_int_equal(info.st_size, ENTRY_FILE);
    cache = open_cache(PLENTY, PLENTY, cache_folder(folder));
    check_bytes(cache, 0, 2 * ENTRY_FILE);
    assert_true(get(cache, 1) && get(cache, 1) && get(cache, 2));
    assert_false(get(cache, 3));
    check_stats(cache, 1, 2, 1, 0); /* what was read is in memory too */
    check_bytes(cache, 2 * ENTRY, 2 * ENTRY_FILE);
    scl_prefix_cache_close(cache);
    cache = open_cache(0, PLENTY, cache_folder(folder));
    assert_true(get(cache, 1) && get(cache, 1));
    check_stats(cache, 0, 2, 0, 0);
    scl_prefix_cache_close(cache);
    cache = open_cache(PLENTY, 0, cache_folder(folder)); /* no disk */
    assert_false(get(cache, 1));
    scl_prefix_cache_close(cache);
    assert_int_equal(count_files(folder), 2);
}

static void the_oldest_file_goes_first(void **state)
{
    data_folder *folder = *state;
    scl_prefix_cache *cache = open_cache(0, 3 * ENTRY_FILE + 9, cache_folder(folder));
    for (uint64_t i = 1; i <= 3; i++)
        put(cache, i);
    assert_true(get(cache, 1)); /* a use doesn't make it younger */
    put(cache, 4);
    assert_true(!get(cache, 1) && get(cache, 2) && get(cache, 3) && get(cache, 4));
    put(cache, 2);
    put(cache, 5);
    assert_true(!get(cache, 3) && get(cache, 4) && get(cache, 2) && get(cache, 5));
    check_bytes(cache, 0, 3 * ENTRY_FILE);
    assert_int_equal(count_files(folder), 3);
    scl_prefix_cache_close(cache);
}

static void set_age(const char *path, time_t seconds)
{
    struct timespec times[2] = {{.tv_sec = time(NULL) - seconds}, {.tv_sec = time(NULL) - seconds}};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void old_files_keep_to_a_smaller_limit(void **state)
{
    data_folder *folder = *state;
    scl_prefix_cache *cache = open_cache(0, PLENTY, cache_folder(folder));
    for (uint64_t i = 1; i <= 5; i++)
        put(cache, i);
    scl_prefix_cache_close(cache);
    const time_t ages[] = {20, 50, 10, 40, 30}; /* so 2, 4, 5, 1, 3 is their order */
    for (uint64_t i = 1; i <= 5; i++)
        set_age(file_of(folder, i), ages[i - 1]);
    cache = open_cache(0, 3 * ENTRY_FILE, cache_folder(folder));
    assert_int_equal(count_files(folder), 3);
    assert_true(!get(cache, 2) && !get(cache, 4) && get(cache, 5) && get(cache, 1));
    put(cache, 6);
    assert_true(!get(cache, 5) && get(cache, 1) && get(cache, 3) && get(cache, 6));
    scl_prefix_cache_close(cache);
}

static void only_its_own_files_are_touched(void **state)
{
    data_folder *folder = *state;
    scl_prefix_cache_close(open_cache(0, PLENTY, cache_folder(folder)));
    char temporary[600], young[600];
    snprintf(temporary, sizeof temporary, "%s.tmp-12", file_of(folder, 1));
    snprintf(young, sizeof young, "%s.tmp-13", file_of(folder, 1));
    assert_ok(scl_file_write(temporary, "x", 1, &test_error));
    assert_ok(scl_file_write(young, "x", 1, &test_error));
    set_age(temporary, 2 * 3600);
    const char *const foreign[] = {
        "notes.txt", "0123.prefix", "0123456789abcdef0123456789ABCDEF.prefix",
        "0123456789abcdef0123456789abcdef.prefixes", "0123456789abcdef0123456789abcdef"};
    enum { FOREIGN = sizeof foreign / sizeof *foreign };
    for (int i = 0; i < FOREIGN; i++) {
        const char *path = data_path(folder, "images/deep/cache", foreign[i]);
        assert_ok(scl_file_write(path, "x", 1, &test_error));
        set_age(path, 2 * 3600);
    }
    assert_ok(scl_make_folders(file_of(folder, 2), &test_error));
    scl_prefix_cache *cache = open_cache(0, 1, cache_folder(folder));
    check_bytes(cache, 0, 0);
    assert_false(get(cache, 2));
    check_stats(cache, 0, 0, 1, 0);
    scl_prefix_cache_close(cache);
    assert_false(scl_path_exists(temporary)); /* of a run that crashed */
    assert_true(scl_path_exists(young));      /* perhaps being written */
    for (int i = 0; i < FOREIGN; i++)
        assert_true(scl_path_exists(data_path(folder, "images/deep/cache", foreign[i])));
    assert_true(scl_path_is_folder(file_of(folder, 2)));
}

/* ------------------------------------------------------------------ several on one folder */

static void two_caches_share_a_folder(void **state)
{
    data_folder *folder = *state;
    scl_prefix_cache *a = open_cache(0, 2 * ENTRY_FILE, cache_folder(folder));
    put(a, 1);
    scl_prefix_cache *b = open_cache(0, 2 * ENTRY_FILE, cache_folder(folder));
    assert_true(get(b, 1));
    put(b, 2);
    put(a, 2);
    assert_true(get(a, 1) && get(a, 2) && get(b, 2));
    put(a, 3); /* takes 1 away from b */
    assert_false(get(b, 1));
    assert_true(get(b, 2));
    check_stats(b, 0, 3, 1, 0);
    check_bytes(b, 0, ENTRY_FILE);
    scl_prefix_cache_close(a);
    scl_prefix_cache_close(b);
}

static void use_at_random(scl_prefix_cache *cache, uint64_t seed, int uses, uint64_t memory,
                          uint64_t disk)
{
    for (int i = 0; i < uses; i++) {
        uint64_t number = pattern_byte(seed * 100000 + (uint64_t)i) % 12;
        if (!get(cache, number))
            put(cache, number);
        scl_prefix_cache_stats stats = scl_prefix_cache_statistics(cache);
        assert_true(stats.memory_bytes <= memory && stats.disk_bytes <= disk);
        assert_int_equal(stats.memory_hits + stats.disk_hits + stats.misses, i + 1);
    }
}

static void two_processes_share_a_folder(void **state)
{
    enum { USES = 200 };
    data_folder *folder = *state;
    scl_prefix_cache_close(open_cache(0, PLENTY, cache_folder(folder)));
    pid_t child = fork();
    assert_true(child >= 0);
    scl_prefix_cache *cache = open_cache(2 * ENTRY, 5 * ENTRY_FILE, cache_folder(folder));
    use_at_random(cache, child == 0, USES, 2 * ENTRY, 5 * ENTRY_FILE);
    scl_prefix_cache_stats stats = scl_prefix_cache_statistics(cache);
    scl_prefix_cache_close(cache);
    bool sound = stats.damaged == 0 && stats.disk_hits > 0;
    if (child == 0)
        _exit(sound ? 0 : 1);
    int outcome = 0;
    assert_int_equal(waitpid(child, &outcome, 0), child);
    assert_true(sound);
    assert_int_equal(outcome, 0);
    assert_true(count_files(folder) <= 10);
    cache = open_cache(0, PLENTY, cache_folder(folder));
    for (uint64_t i = 0; i < 12; i++)
        get(cache, i);
    check_stats(cache, 0, count_files(folder), 12 - count_files(folder), 0);
    scl_prefix_cache_close(cache);
}

/* ------------------------------------------------------------------ failing allocations */

/* SCL_OK once no allocation fails. Whatever fails, values are right or missing. */
static scl_status use_without_memory(data_folder *folder, long n)
{
    scl_error err = {0};
    scl_prefix_cache *cache = NULL;
    const char *path = cache_folder(folder);
    scl_alloc_fail_after(n);
    scl_status status = scl_prefix_cache_open(2 * ENTRY, 2 * ENTRY_FILE, path, &cache, &err);
    assert_int_equal(status == SCL_OK, cache != NULL);
    assert_int_equal(err.status, status);
    for (uint64_t i = 1; cache != NULL && i <= 3; i++) {
        get(cache, i);
        put(cache, i);
        get(cache, i);
    }
    scl_alloc_fail_after(-1);
    scl_prefix_cache_stats stats = {0};
    if (cache != NULL)
        stats = scl_prefix_cache_statistics(cache);
    bool complete =
        stats.memory_hits == 3 && stats.disk_hits == 1 && stats.disk_bytes == 2 * ENTRY_FILE;
    for (uint64_t i = 1; cache != NULL && i <= 3; i++)
        get(cache, i);
    scl_prefix_cache_close(cache);
    return complete ? SCL_OK : status == SCL_OK ? SCL_DEVICE : status;
}

/* Some failures are not seen from outside, so the loop goes on past the first success. */
static void failing_allocations_lose_entries_only(void **state)
{
    enum { MORE_THAN_ALL = 60 };
    data_folder *folder = *state;
    int failed = 0;
    for (long n = 0; n <= MORE_THAN_ALL; n++) {
        data_empty_folder(cache_folder(folder));
        scl_prefix_cache *cache = open_cache(0, PLENTY, cache_folder(folder));
        put(cache, 1);
        scl_prefix_cache_close(cache);
        scl_status status = use_without_memory(folder, n);
        assert_true(status == SCL_OK || (status == SCL_DEVICE && n < MORE_THAN_ALL));
        failed += status != SCL_OK;
    }
    assert_true(failed > 15);
}

int main(void)
{
#define DATA_TEST(test) cmocka_unit_test_setup_teardown(test, data_setup, data_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_gives_back_what_was_put),
        cmocka_unit_test(a_second_put_replaces_the_first),
        cmocka_unit_test(the_least_recently_used_goes_first),
        cmocka_unit_test(a_large_entry_takes_the_place_of_several),
        DATA_TEST(what_is_larger_than_the_limit_is_not_kept),
        cmocka_unit_test(other_counts_are_a_miss),
        cmocka_unit_test(many_entries_are_found),
        DATA_TEST(files_outlive_the_cache),
        DATA_TEST(the_oldest_file_goes_first),
        DATA_TEST(old_files_keep_to_a_smaller_limit),
        DATA_TEST(only_its_own_files_are_touched),
        DATA_TEST(two_caches_share_a_folder),
        DATA_TEST(two_processes_share_a_folder),
        DATA_TEST(failing_allocations_lose_entries_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
