/* JSON: what is refused, where the error points, and the typed getters. */
#include "weights_support.h"

#include "io/json.h"

static scl_status parse(const char *text, size_t size, cJSON **root, scl_error *err)
{
    blob copy = blob_copy(text, size);
    scl_status status = scl_json_parse(copy.bytes, copy.size, "file.json", root, err);
    free(copy.bytes);
    return status;
}

#define PARSE(text, root, err) parse(text, sizeof(text) - 1, root, err)

static void assert_refused(const char *text, size_t size, const char *words)
{
    cJSON *root;
    scl_error err = {0};
    assert_fails(parse(text, size, &root, &err), SCL_BAD_DATA, err, words);
    assert_null(root);
}

#define REFUSED(text, words) assert_refused(text, sizeof(text) - 1, words)

static void errors_give_line_and_column(void **state)
{
    (void)state;
    REFUSED("{\"a\": 1,\n \"b\" 2}", "file.json:2:6: expected JSON, found \"2}\"");
    REFUSED("{\"a\": 1} x", "file.json:1:10: expected JSON, found \"x\"");
    REFUSED("\n\n[1, 2", "file.json:3:");
    REFUSED("", "found no text at all");
    REFUSED("{\"a\0\": 1}", "NUL");
    REFUSED("{\"a\\u0000\": 1}", "NUL");
    REFUSED("{\"\x1b\" 2}", "found \"2}\"");
    REFUSED("[1 \x7f[2J]", "file.json:1:4: expected JSON, found \"?[2J]\"");
}

static void a_key_may_not_be_there_twice(void **state)
{
    (void)state;
    REFUSED("{\"a\": 1, \"b\": 2, \"a\": 3}", "found \"a\" twice");
    REFUSED("[0, {\"deep\": {\"x\": 1, \"x\": 1}}]", "found \"x\" twice");
    cJSON *root;
    assert_ok(PARSE("{\"a\": {\"x\": 1}, \"A\": {\"x\": 1}} \n", &root, &test_error));
    cJSON_Delete(root);
}

static void bombs_are_refused(void **state)
{
    (void)state;
    size_t size = (size_t)10 << 20;
    char *text = malloc(size);
    memset(text, '[', size);
    assert_refused(text, size, "at most");
    assert_refused(text, 5000, "expected JSON"); /* nested too deep for cJSON */
    for (size_t i = 1; i < size; i++)
        text[i] = i % 2 != 0 ? '0' : ',';
    assert_refused(text, size, "at most");
    free(text);
}

static void getters_return_values(void **state)
{
    (void)state;
    cJSON *root;
    const cJSON *item;
    double number;
    int64_t integer;
    bool truth;
    const char *text;
    assert_ok(PARSE("{\"n\": 1e-6, \"i\": -9007199254740992, \"t\": true, \"s\": \"gelu\","
                    "\"a\": [2, 5], \"o\": {\"k\": 7}}",
                    &root, &test_error));
    assert_ok(scl_json_number(root, "n", "f", &number, &test_error));
    assert_true(number == 1e-6);
    assert_ok(scl_json_integer(root, "i", "f", &integer, &test_error));
    assert_true(integer == -((int64_t)1 << 53));
    assert_ok(scl_json_bool(root, "t", "f", &truth, &test_error));
    assert_true(truth);
    assert_ok(scl_json_string(root, "s", "f", &text, &test_error));
    assert_string_equal(text, "gelu");
    assert_ok(scl_json_array(root, "a", "f", &item, &test_error));
    assert_int_equal(cJSON_GetArraySize(item), 2);
    assert_true(scl_json_is_integer(cJSON_GetArrayItem(item, 1), &integer));
    assert_int_equal(integer, 5);
    assert_ok(scl_json_object(root, "o", "f", &item, &test_error));
    assert_ok(scl_json_integer(item, "k", "f", &integer, &test_error));
    assert_int_equal(integer, 7);
    cJSON_Delete(root);
}

#define GETTER_FAILS(call, words)                                                                  \
    do {                                                                                           \
        scl_error err = {0};                                                                       \
        assert_fails(call, SCL_BAD_DATA, err, words);                                              \
    } while (0)

static void getters_say_what_they_found(void **state)
{
    (void)state;
    cJSON *root;
    const cJSON *item;
    double number;
    int64_t integer;
    bool truth;
    const char *text;
    assert_ok(PARSE("{\"x\": \"12\", \"n\": 2.5, \"big\": 1e300, \"nil\": null, \"a\": []}", &root,
                    &test_error));
    GETTER_FAILS(scl_json_number(root, "x", "f.json", &number, &err),
                 "f.json: expected a number for \"x\", found a string");
    GETTER_FAILS(scl_json_number(root, "y", "f.json", &number, &err), "found nothing");
    GETTER_FAILS(scl_json_integer(root, "n", "f.json", &integer, &err),
                 "expected a whole number for \"n\", found 2.5");
    GETTER_FAILS(scl_json_integer(root, "big", "f.json", &integer, &err), "found 1");
    GETTER_FAILS(scl_json_bool(root, "n", "f.json", &truth, &err), "expected true or false");
    GETTER_FAILS(scl_json_string(root, "nil", "f.json", &text, &err), "found null");
    GETTER_FAILS(scl_json_array(root, "x", "f.json", &item, &err), "expected an array");
    GETTER_FAILS(scl_json_object(root, "a", "f.json", &item, &err),
                 "expected an object for \"a\", found an array");
    cJSON_Delete(root);
}

static void prefixes_never_crash(void **state)
{
    (void)state;
    const char text[] = "{\"a\": [1.5e3, -2, true, null], \"b\\u00e4\": {\"c\": \"\\n\\\"x\"}}";
    for (size_t size = 1; size < sizeof text - 1; size++)
        assert_refused(text, size, "file.json:1:");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_give_line_and_column),
        cmocka_unit_test(a_key_may_not_be_there_twice),
        cmocka_unit_test(bombs_are_refused),
        cmocka_unit_test(getters_return_values),
        cmocka_unit_test(getters_say_what_they_found),
        cmocka_unit_test(prefixes_never_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
