/* weights_support.h — for tests of weight files: fixtures, expectations, hostile loops. */
#ifndef SCL_TESTS_WEIGHTS_SUPPORT_H
#define SCL_TESTS_WEIGHTS_SUPPORT_H

#include "support.h"

#include "base/file.h"
#include "base/mem.h"
#include "io/weights.h"

#include <stdlib.h>
#include <unistd.h>

#define FIXTURE(name) TEST_FIXTURES "/io/" name
#define SHARED        TEST_FIXTURES "/../../../shared/data/"
#define UNUSED        __attribute__((unused))

/* Bytes of exactly this size on the heap, so that the sanitizer sees a read beyond them. */
typedef struct blob {
    uint8_t *bytes;
    size_t size;
} blob;

UNUSED static blob blob_copy(const void *bytes, size_t size)
{
    blob copy = {malloc(size > 0 ? size : 1), size};
    assert_non_null(copy.bytes);
    if (size > 0)
        memcpy(copy.bytes, bytes, size);
    return copy;
}

UNUSED static blob blob_load(const char *path)
{
    scl_file_map map;
    assert_ok(scl_file_map_open(path, &map, &test_error));
    blob file = blob_copy(map.data, map.size);
    scl_file_unmap(&map);
    return file;
}

UNUSED static uint64_t fnv(const void *bytes, size_t size)
{
    uint64_t value = 0xcbf29ce484222325u;
    for (size_t i = 0; i < size; i++)
        value = (value ^ ((const uint8_t *)bytes)[i]) * 0x100000001b3u;
    return value;
}

UNUSED static uint64_t fnv_as_f32(const scl_weight *weight)
{
    size_t count = (size_t)scl_weight_elements(weight);
    float *out = malloc(count * sizeof *out + 1);
    assert_non_null(out);
    scl_weight_to_f32(weight, out);
    uint64_t value = fnv(out, count * sizeof *out);
    free(out);
    return value;
}

/* "2,3,5", "" for no dimensions. */
UNUSED static void shape_text(const scl_weight *weight, char text[200])
{
    int at = 0;
    text[0] = '\0';
    for (int i = 0; i < weight->ndim; i++)
        at += sprintf(text + at, "%s%lld", i > 0 ? "," : "", (long long)weight->dim[i]);
}

/* The weights are exactly those of an expectation file of tests/reference/weights.py. */
UNUSED static void assert_holds(const scl_weights *weights, const char *expectation)
{
    blob text = blob_load(expectation);
    size_t count = 0;
    char *end = (char *)text.bytes + text.size;
    for (char *line = (char *)text.bytes; line < end; count++) {
        char *field[5], shape[200];
        for (int i = 0; i < 5; i++) {
            field[i] = line;
            line += strcspn(line, "|\n");
            *line++ = '\0';
        }
        const scl_weight *weight = scl_weights_find(weights, field[0]);
        if (weight == NULL)
            fail_msg("%s: '%s' not found", weights->path, field[0]);
        shape_text(weight, shape);
        assert_string_equal(scl_weight_dtype_name(weight->dtype), field[1]);
        assert_string_equal(shape, field[2]);
        assert_true(fnv(weight->data, weight->bytes) == strtoull(field[3], NULL, 16));
        assert_true(fnv_as_f32(weight) == strtoull(field[4], NULL, 16));
    }
    assert_int_equal(weights->count, count);
    free(text.bytes);
}

/* Both files hold the same tensors, bit for bit. */
UNUSED static void assert_same_weights(const char *left, const char *right)
{
    scl_weights a, b;
    assert_ok(scl_weights_load(left, &a, &test_error));
    assert_ok(scl_weights_load(right, &b, &test_error));
    assert_true(a.count > 0 && a.count == b.count);
    for (size_t i = 0; i < a.count; i++) {
        const scl_weight *w = scl_weights_find(&b, a.tensor[i].name);
        assert_non_null(w);
        assert_int_equal(w->bytes, a.tensor[i].bytes);
        if (memcmp(w->data, a.tensor[i].data, w->bytes) != 0)
            fail_msg("%s differs", w->name);
    }
    scl_weights_free(&a);
    scl_weights_free(&b);
}

/* Loads a file that may be damaged: it must fail with a sentence, or give readable weights. */
UNUSED static bool survives(blob file)
{
    scl_weights weights;
    scl_error err = {0};
    if (scl_weights_load_bytes("damaged", file.bytes, file.size, &weights, &err) != SCL_OK) {
        assert_int_equal(err.status, SCL_BAD_DATA);
        assert_true(strlen(err.text) > 20);
        assert_int_equal(weights.count, 0);
        return false;
    }
    for (size_t i = 0; i < weights.count; i++)
        (void)fnv_as_f32(&weights.tensor[i]);
    scl_weights_free(&weights);
    return true;
}

/* Every shorter file is refused. */
UNUSED static void assert_refuses_truncation(const char *path)
{
    blob file = blob_load(path);
    for (size_t size = 0; size < file.size; size++) {
        blob prefix = blob_copy(file.bytes, size);
        if (survives(prefix))
            fail_msg("%s cut to %zu bytes was loaded", path, size);
        free(prefix.bytes);
    }
    free(file.bytes);
}

/* Every byte with each bit flipped, and with all of them. */
UNUSED static void assert_survives_flips(const char *path)
{
    blob file = blob_load(path);
    for (size_t i = 0; i < file.size; i++) {
        for (int bit = 0; bit <= 8; bit++) {
            uint8_t flip = (uint8_t)(bit < 8 ? 1u << bit : 0xffu);
            file.bytes[i] ^= flip;
            survives(file);
            file.bytes[i] ^= flip;
        }
    }
    assert_true(survives(file));
    free(file.bytes);
}

/* Each allocation fails in its turn: out of memory, and nothing leaks. */
UNUSED static void assert_survives_failing_allocations(const char *path)
{
    scl_weights weights;
    scl_status status = SCL_DEVICE;
    long n = 0;
    for (; status != SCL_OK; n++) {
        scl_error err = {0};
        scl_alloc_fail_after(n);
        status = scl_weights_load(path, &weights, &err);
        scl_alloc_fail_after(-1);
        if (status != SCL_OK && (status != SCL_DEVICE || strstr(err.text, "memory") == NULL))
            fail_msg("%s, allocation %ld: %s", path, n, err.text);
    }
    assert_true(n > 3);
    scl_weights_free(&weights);
}

/* A new empty folder; `path` receives its name, PATH_TEXT bytes. */
#define PATH_TEXT 256
UNUSED static void make_folder(char path[PATH_TEXT])
{
    strcpy(path, "/tmp/samcl-test-XXXXXX");
    assert_non_null(mkdtemp(path));
}

UNUSED static void remove_folder(const char *path)
{
    scl_folder folder;
    assert_ok(scl_folder_list(path, &folder, &test_error));
    for (size_t i = 0; i < folder.count; i++) {
        char *file = scl_path_join(path, folder.names[i]);
        unlink(file);
        scl_free(file);
    }
    scl_folder_free(&folder);
    assert_int_equal(rmdir(path), 0);
}

/* For tests in a folder of their own. */
UNUSED static char own_folder[PATH_TEXT];

UNUSED static int enter_folder(void **state)
{
    (void)state;
    make_folder(own_folder);
    return 0;
}

UNUSED static int leave_folder(void **state)
{
    (void)state;
    remove_folder(own_folder);
    return 0;
}

#define IN_FOLDER(name) cmocka_unit_test_setup_teardown(name, enter_folder, leave_folder)

#endif
