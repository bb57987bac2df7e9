/* Parameter tables: every type read into its field, every mistake in its words, table checks. */
#include "support.h"

#include "config/schema.h"
#include "config/schema_docs.h"
#include "config/yaml_path.h"

#include <math.h>

typedef struct sample {
    int32_t flag;
    int32_t choice;
    int64_t whole;
    double number;
    const char *text;
    scl_param_strings texts;
    scl_param_ints wholes;
    scl_param_floats numbers;
    int64_t bytes;
    int64_t needed;
} sample;

static const char *const colours[] = {"red", "green", "blue", NULL};

#define FIELD(field) offsetof(sample, field)
static const scl_param sample_params[] = {
    {"flag", SCL_PARAM_BOOL, FIELD(flag), "false", 0, 0, NULL, "a flag"},
    {"colour", SCL_PARAM_CHOICE, FIELD(choice), "green", 0, 0, colours, "a choice"},
    {"whole", SCL_PARAM_INT, FIELD(whole), "null", -5, 100, NULL, "a whole number"},
    {"number", SCL_PARAM_FLOAT, FIELD(number), "1e-4", 0, 10, NULL, "a | number"},
    {"text", SCL_PARAM_STRING, FIELD(text), "null", 0, 0, NULL, "a text"},
    {"texts", SCL_PARAM_STRINGS, FIELD(texts), "[a, \"b c\"]", 0, 0, NULL, "texts"},
    {"wholes", SCL_PARAM_INTS, FIELD(wholes), "null", 0, 9, NULL, "whole numbers"},
    {"numbers", SCL_PARAM_FLOATS, FIELD(numbers), "[0.9, 0.999]", 0, 1, NULL, "numbers"},
    {"bytes", SCL_PARAM_BYTES, FIELD(bytes), "8GiB", 0, 0x1p40, NULL, "a size"},
    {"needed", SCL_PARAM_INT, FIELD(needed), NULL, 1, INFINITY, NULL, "must be given"},
};
static const scl_schema sample_schema = {
    sample_params, sizeof sample_params / sizeof sample_params[0], NULL, 0, sizeof(sample)};

typedef struct reading {
    scl_arena arena;
    scl_diagnostics diagnostics;
    sample out;
    scl_error err;
    scl_status status;
} reading;

static void read_sample(reading *r, const char *text)
{
    *r = (reading){0};
    scl_yaml_source source = {.label = "x.yaml", .text = text, .size = strlen(text)};
    scl_yaml *root = scl_yaml_parse(&r->arena, source, &r->diagnostics);
    scl_schema_reader reader = {.arena = &r->arena, .diagnostics = &r->diagnostics};
    if (root != NULL)
        scl_schema_read(&reader, &sample_schema, root, "plugin", root->place, &r->out);
    r->status = scl_diagnostics_finish(&r->diagnostics, "x.yaml", &r->err);
}

static void release(reading *r)
{
    scl_diagnostics_free(&r->diagnostics);
    scl_arena_free(&r->arena);
}

static void defaults_fill_every_field(void **state)
{
    (void)state;
    reading r;
    read_sample(&r, "needed: 3\n");
    assert_string_equal(r.err.text, "");
    assert_int_equal(r.out.flag, 0);
    assert_int_equal(r.out.choice, 1);
    assert_true(r.out.whole == SCL_UNSET_INT);
    assert_true(r.out.number == 1e-4);
    assert_null(r.out.text);
    assert_int_equal(r.out.texts.count, 2);
    assert_string_equal(r.out.texts.items[1], "b c");
    assert_null(r.out.wholes.items);
    assert_int_equal(r.out.wholes.count, 0);
    assert_int_equal(r.out.numbers.count, 2);
    assert_true(r.out.numbers.items[1] == 0.999);
    assert_true(r.out.bytes == (int64_t)8 << 30);
    assert_int_equal(r.out.needed, 3);
    release(&r);
}

static void every_type_is_read(void **state)
{
    (void)state;
    reading r;
    read_sample(&r, "{flag: true, colour: \"blue\", whole: -5, number: 3, text: 2024, texts: [], "
                    "wholes: [0, 9], numbers: [1], bytes: 1TiB, needed: 9223372036854775807}");
    assert_string_equal(r.err.text, "");
    assert_int_equal(r.out.flag, 1);
    assert_int_equal(r.out.choice, 2);
    assert_int_equal(r.out.whole, -5);
    assert_true(r.out.number == 3);
    assert_string_equal(r.out.text, "2024");
    assert_non_null(r.out.texts.items); /* empty, and yet given */
    assert_int_equal(r.out.texts.count, 0);
    assert_int_equal(r.out.wholes.count, 2);
    assert_int_equal(r.out.wholes.items[1], 9);
    assert_int_equal(r.out.numbers.count, 1);
    assert_true(r.out.bytes == (int64_t)1 << 40);
    assert_true(r.out.needed == INT64_MAX);
    release(&r);
}

static void null_says_not_given_where_the_default_is_null(void **state)
{
    (void)state;
    reading r;
    read_sample(&r, "{whole: null, text: ~, wholes: , needed: 1}");
    assert_int_equal(r.status, SCL_OK);
    assert_true(r.out.whole == SCL_UNSET_INT);
    assert_null(r.out.text);
    release(&r);
    read_sample(&r, "{number: null, needed: 1}");
    assert_string_equal(r.err.text, "x.yaml:1:10: expected a number for `number`, found nothing");
    assert_true(r.out.number == 1e-4);
    release(&r);
    read_sample(&r, "{text: \"null\", needed: 1}");
    assert_int_equal(r.status, SCL_OK);
    assert_string_equal(r.out.text, "null");
    release(&r);
}

/* What follows `{needed: 1, `, and the error; the value starts at column 13 + its key. */
static const struct {
    const char *yaml, *expected;
} mistakes[] = {
    {"flag: yes", "1:19: expected true or false for `flag`, found the text \"yes\": write true"},
    {"flag: Off", "1:19: expected true or false for `flag`, found the text \"Off\": write false"},
    {"flag: 1", "1:19: expected true or false for `flag`, found 1: write true"},
    {"flag: \"true\"",
     "1:19: expected true or false for `flag`, found the text \"true\": write true"},
    {"flag: maybe", "1:19: expected true or false for `flag`, found the text \"maybe\""},
    {"flag: []", "1:19: expected true or false for `flag`, found a list"},
    {"colour: gren", "1:21: expected one of red, green, blue for `colour`, found the text "
                     "\"gren\": did you mean `green`?"},
    {"colour: 3", "1:21: expected one of red, green, blue for `colour`, found 3"},
    {"colour: null", "1:21: expected one of red, green, blue for `colour`, found nothing"},
    {"colour: {a: 1}", "1:21: expected one of red, green, blue for `colour`, found a map"},
    {"whole: 3.0", "1:20: expected a whole number for `whole`, found 3.0: write 3"},
    {"whole: 1e2", "1:20: expected a whole number for `whole`, found 1e2: write 100"},
    {"whole: 3.5", "1:20: expected a whole number for `whole`, found 3.5"},
    {"whole: 007", "1:20: expected a whole number for `whole`, found 007: write 7"},
    {"whole: \"3\"", "1:20: expected a whole number for `whole`, found the text \"3\": write 3"},
    {"whole: 99999999999999999999",
     "1:20: expected a whole number for `whole`, found 99999999999999999999, which is too "
     "large"},
    {"whole: 101", "1:20: `whole` must be between -5 and 100, found 101"},
    {"number: fast", "1:21: expected a number for `number`, found the text \"fast\""},
    {"number: \"1e-4\"",
     "1:21: expected a number for `number`, found the text \"1e-4\": remove the quotes"},
    {"number: -1", "1:21: `number` must be between 0 and 10, found -1"},
    {"number: .nan", "1:21: expected a number for `number`, found the text \".nan\""},
    {"number: true", "1:21: expected a number for `number`, found true"},
    {"text: [a]", "1:19: expected a text for `text`, found a list"},
    {"text: \"\"", "1:19: expected a text for `text`, found an empty one"},
    {"texts: a b", "1:20: expected a list of texts for `texts`, found the text \"a b\": write "
                   "[\"a b\"]"},
    {"texts: [a, {b: c}]", "1:24: expected a text for `texts`, found a map"},
    {"texts: null", "1:20: expected a list of texts for `texts`, found nothing: write []"},
    {"wholes: 3", "1:21: expected a list of whole numbers for `wholes`, found 3: write [3]"},
    {"wholes: [1, 2.5]", "1:25: expected a whole number for `wholes`, found 2.5"},
    {"wholes: [1, 10]", "1:25: `wholes` must be between 0 and 9, found 10"},
    {"numbers: {a: 1}", "1:22: expected a list of numbers for `numbers`, found a map"},
    {"bytes: 8GB", "1:20: expected a size such as 8GiB, 512MiB or 100000 for `bytes`, found "
                   "the text \"8GB\""},
    {"bytes: 2TiB", "1:20: `bytes` must be between 0 and 1TiB, found 2TiB"},
    {"nedeed: 1", "1:13: unknown key `nedeed` in `plugin`: did you mean `needed`?"},
    {"zzz: 1", "1:13: unknown key `zzz` in `plugin`: expected one of flag, colour, whole, "
               "number, text, texts, wholes, numbers, bytes, needed"},
};

static void each_mistake_has_its_sentence(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
        char text[200], expected[400];
        snprintf(text, sizeof text, "{needed: 1, %s}", mistakes[i].yaml);
        snprintf(expected, sizeof expected, "x.yaml:%s", mistakes[i].expected);
        reading r;
        read_sample(&r, text);
        assert_int_equal(r.status, SCL_BAD_CONFIG);
        assert_string_equal(r.err.text, expected);
        release(&r);
    }
}

static void missing_and_one_sided_ranges(void **state)
{
    (void)state;
    reading r;
    read_sample(&r, "# none\n\nflag: true\n");
    assert_string_equal(r.err.text, "x.yaml:3:1: `plugin` needs the key `needed` (must be given)");
    release(&r);
    read_sample(&r, "needed: 0");
    assert_string_equal(r.err.text, "x.yaml:1:9: `needed` must be at least 1, found 0");
    release(&r);
    read_sample(&r, "[1]");
    assert_string_equal(r.err.text,
                        "x.yaml:1:1: expected a map with keys and values, found a list");
    release(&r);
}

static void all_items_of_a_list_are_checked(void **state)
{
    (void)state;
    reading r;
    read_sample(&r, "needed: 1\nnumbers: [x, 0.5, 2, y]\n");
    assert_string_equal(r.err.text,
                        "3 errors in x.yaml:\n"
                        "  x.yaml:2:11: expected a number for `numbers`, found the text \"x\"\n"
                        "  x.yaml:2:19: `numbers` must be between 0 and 1, found 2\n"
                        "  x.yaml:2:22: expected a number for `numbers`, found the text \"y\"");
    assert_int_equal(r.out.numbers.count, 2); /* the default */
    release(&r);
}

static void written_values_read_back(void **state)
{
    (void)state;
    reading r, again;
    read_sample(&r, "{flag: true, colour: red, whole: 7, number: 0.3, text: \"a: b\", texts: [\"\\n"
                    "\", c], numbers: [0.1], bytes: 1.5GiB, needed: 2}");
    assert_int_equal(r.status, SCL_OK);
    scl_str out = {0};
    scl_schema_write(&sample_schema, &r.out, &out);
    read_sample(&again, out.text);
    assert_string_equal(again.err.text, "");
    assert_int_equal(again.out.flag, 1);
    assert_int_equal(again.out.choice, 0);
    assert_int_equal(again.out.whole, 7);
    assert_true(again.out.number == 0.3);
    assert_string_equal(again.out.text, "a: b");
    assert_string_equal(again.out.texts.items[0], "\n");
    assert_null(again.out.wholes.items);
    assert_true(again.out.numbers.items[0] == 0.1);
    assert_true(again.out.bytes == (int64_t)3 << 29);
    scl_str_free(&out);
    release(&r);
    release(&again);
}

static void unsound_tables_are_refused(void **state)
{
    (void)state;
    size_t count = sizeof sample_params / sizeof sample_params[0];
    assert_ok(scl_schema_check_table(sample_params, count, sizeof(sample), &test_error));
    assert_ok(scl_schema_check_table(NULL, 0, 0, &test_error));
    static const char *const none[] = {NULL};
    static const struct {
        scl_param row;
        const char *words;
    } cases[] = {
        {{NULL, SCL_PARAM_INT, 0, "1", 0, 0, NULL, "h"}, "has no key"},
        {{"a", 77, 0, "1", 0, 0, NULL, "h"}, "`a`: its type is unknown"},
        {{"a", SCL_PARAM_INT, 12, "1", 0, 0, NULL, "h"}, "outside the parameter struct"},
        {{"a", SCL_PARAM_INT, UINT32_MAX, "1", 0, 0, NULL, "h"}, "outside the parameter struct"},
        {{"a", SCL_PARAM_INT, 4, "1", 0, 0, NULL, "h"}, "not aligned"},
        {{"a", SCL_PARAM_INT, 0, "1", 3, 2, NULL, "h"}, "its range is empty"},
        {{"a", SCL_PARAM_INT, 0, "1", NAN, 2, NULL, "h"}, "its range is empty"},
        {{"a", SCL_PARAM_CHOICE, 0, "1", 0, 0, none, "h"}, "it has no choices"},
        {{"a", SCL_PARAM_INT, 0, "1", 0, 0, NULL, NULL}, "its help must be one line"},
        {{"a", SCL_PARAM_INT, 0, "1", 0, 0, NULL, "h\nx"}, "its help must be one line"},
        {{"a", SCL_PARAM_INT, 0, "x", 0, 0, NULL, "h"}, "its default is wrong"},
        {{"a", SCL_PARAM_INT, 0, "5", 0, 4, NULL, "h"}, "must be between 0 and 4, found 5"},
        {{"a", SCL_PARAM_INT, 0, "[", 0, 4, NULL, "h"}, "its default is wrong"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        scl_error err = {0};
        assert_fails(scl_schema_check_table(&cases[i].row, 1, 16, &err), SCL_PLUGIN, err,
                     cases[i].words);
    }
    static const scl_param twice[] = {{"a", SCL_PARAM_INT, 0, "1", 0, 0, NULL, "h"},
                                      {"a", SCL_PARAM_INT, 8, "1", 0, 0, NULL, "h"}};
    static const scl_param shared[] = {{"a", SCL_PARAM_INT, 0, "1", 0, 0, NULL, "h"},
                                       {"b", SCL_PARAM_BOOL, 4, "true", 0, 0, NULL, "h"}};
    scl_error first = {0}, second = {0}, third = {0};
    assert_fails(scl_schema_check_table(twice, 2, 16, &first), SCL_PLUGIN, first, "twice");
    assert_fails(scl_schema_check_table(shared, 2, 16, &second), SCL_PLUGIN, second, "shares");
    assert_fails(scl_schema_check_table(shared, 100000, 16, &third), SCL_PLUGIN, third,
                 "at most 256 parameters");
}

static void manual_table_shows_every_row(void **state)
{
    (void)state;
    scl_str out = {0};
    scl_schema_docs_table(sample_params, 4, &out);
    assert_string_equal(
        out.text, "| key | type | default | values | meaning |\n"
                  "|---|---|---|---|---|\n"
                  "| `flag` | true or false | `false` |  | a flag |\n"
                  "| `colour` | choice | `green` | `red`, `green`, `blue` | a choice |\n"
                  "| `whole` | whole number | `null` | between -5 and 100 | a whole number |\n"
                  "| `number` | number | `1e-4` | between 0 and 10 | a \\| number |\n");
    scl_str_free(&out);
    scl_schema_docs_table(sample_params + 9, 1, &out);
    assert_non_null(strstr(out.text, "| `needed` | whole number | **required** | at least 1 |"));
    scl_str_free(&out);
}

/* Without memory for a word of a message, the message may be shorter, but the run must not start
 * and nothing may leak. */
static void failing_allocations_are_reported(void **state)
{
    (void)state;
    bool finished = false;
    for (long n = 0; !finished && n < 100; n++) {
        reading r;
        scl_alloc_fail_after(n);
        read_sample(&r, "{texts: [a, b], wholes: [1], text: x, colour: rd, number: [3], typo: 1}");
        scl_alloc_fail_after(-1);
        assert_true(r.status == SCL_BAD_CONFIG || r.status == SCL_DEVICE);
        finished = strstr(r.err.text, "4 errors") != NULL &&
                   strstr(r.err.text, "did you mean `red`") != NULL &&
                   strstr(r.err.text, "expected one of flag, colour") != NULL;
        release(&r);
    }
    assert_true(finished);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_fill_every_field),
        cmocka_unit_test(every_type_is_read),
        cmocka_unit_test(null_says_not_given_where_the_default_is_null),
        cmocka_unit_test(each_mistake_has_its_sentence),
        cmocka_unit_test(missing_and_one_sided_ranges),
        cmocka_unit_test(all_items_of_a_list_are_checked),
        cmocka_unit_test(written_values_read_back),
        cmocka_unit_test(unsound_tables_are_refused),
        cmocka_unit_test(manual_table_shows_every_row),
        cmocka_unit_test(failing_allocations_are_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
