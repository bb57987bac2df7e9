/* YAML text as a tree: positions, what is refused and in which words, limits, and hostile input. */
#include "support.h"

#include "config/text.h"
#include "config/yaml.h"
#include "config/yaml_path.h"

#include <locale.h>
#include <stdlib.h>

typedef struct parsed {
    scl_arena arena;
    scl_diagnostics diagnostics;
    scl_yaml *root;
} parsed;

static parsed parse_bytes(const char *text, size_t size)
{
    parsed p = {0};
    scl_yaml_source source = {.label = "dir/x.yaml", .text = text, .size = size};
    p.root = scl_yaml_parse(&p.arena, source, &p.diagnostics);
    return p;
}

static parsed parse_text(const char *text)
{
    return parse_bytes(text, strlen(text));
}

static void release(parsed *p)
{
    scl_diagnostics_free(&p->diagnostics);
    scl_arena_free(&p->arena);
}

static scl_status finish(parsed *p, scl_error *err)
{
    return scl_diagnostics_finish(&p->diagnostics, "dir/x.yaml", err);
}

/* The whole error text of a file with one mistake. */
static void assert_one_error(const char *text, size_t size, const char *expected)
{
    parsed p = parse_bytes(text, size);
    scl_error err = {0};
    assert_int_equal(finish(&p, &err), SCL_BAD_CONFIG);
    assert_string_equal(err.text, expected);
    release(&p);
}

static void assert_place(const scl_yaml *root, const char *path, unsigned line, unsigned column)
{
    const scl_yaml_entry *entry = scl_yaml_path_find(root, path);
    assert_non_null(entry);
    if (entry->value->place.line != line || entry->value->place.column != column)
        fail_msg("%s: expected %u:%u, found %u:%u", path, line, column, entry->value->place.line,
                 entry->value->place.column);
}

static void nodes_know_their_place_and_order(void **state)
{
    (void)state;
    parsed p = parse_text("# run\n"
                          "model: {type: vit_b, \"image size\": 'é', n: ~}\n"
                          "list:\n"
                          "  - 1e-4\n"
                          "  - [a, \"1\"]\n"
                          "empty:\n"
                          "block: |\n"
                          "  text\n");
    assert_ok(finish(&p, &test_error));
    assert_int_equal(p.root->kind, SCL_YAML_MAP);
    assert_int_equal(p.root->count, 4);
    assert_string_equal(p.root->entries[1].key, "list");
    assert_int_equal(p.root->entries[1].place.line, 3);
    assert_place(p.root, "model", 2, 8);
    assert_place(p.root, "model.type", 2, 15);
    assert_place(p.root, "model.image size", 2, 36);
    assert_place(p.root, "model.n", 2, 44); /* columns count characters: é is one */
    assert_place(p.root, "list[0]", 4, 5);
    assert_place(p.root, "list[1][1]", 5, 9);
    assert_true(scl_yaml_path_find(p.root, "list[1][1]")->value->quoted);
    assert_false(scl_yaml_path_find(p.root, "list[1][0]")->value->quoted);
    assert_true(scl_yaml_is_null(scl_yaml_path_find(p.root, "model.n")->value));
    assert_true(scl_yaml_is_null(scl_yaml_path_find(p.root, "empty")->value));
    assert_string_equal(scl_yaml_path_find(p.root, "block")->value->text, "text\n");
    assert_null(scl_yaml_path_find(p.root, "list[2]"));
    assert_null(scl_yaml_path_find(p.root, "list.a"));
    assert_null(scl_yaml_path_find(p.root, "model..type"));
    assert_null(scl_yaml_path_find(p.root, "list[x]"));
    release(&p);
}

static void a_byte_order_mark_is_no_column(void **state)
{
    (void)state;
    parsed p = parse_text("\xef\xbb\xbf"
                          "a: 'é x'\nb: 1\n");
    assert_ok(finish(&p, &test_error));
    assert_place(p.root, "a", 1, 4);
    assert_place(p.root, "b", 2, 4);
    assert_int_equal(scl_yaml_place_within(scl_yaml_path_find(p.root, "a")->value, 3).column, 7);
    release(&p);
}

static void aliases_become_copies(void **state)
{
    (void)state;
    parsed p = parse_text("a: &f {images: i, list: [1, 2]}\nb: *f\nc: &s text\nd: *s\n");
    assert_ok(finish(&p, &test_error));
    scl_yaml *first = scl_yaml_path_find(p.root, "a")->value;
    scl_yaml *second = scl_yaml_path_find(p.root, "b")->value;
    assert_ptr_not_equal(first, second);
    assert_string_equal(scl_yaml_path_find(p.root, "b.list[1]")->value->text, "2");
    assert_string_equal(scl_yaml_path_find(p.root, "d")->value->text, "text");
    first->entries[0].value->text = "changed";
    assert_string_equal(second->entries[0].value->text, "i");
    release(&p);
}

typedef struct wrong {
    const char *text, *expected;
} wrong;

static const wrong mistakes[] = {
    {"", "dir/x.yaml:1:1: the file is empty: expected a run file, with keys such as `data:`"},
    {"# only a comment\n",
     "dir/x.yaml:1:1: the file is empty: expected a run file, with keys such as `data:`"},
    {"---\n", "dir/x.yaml:1:1: the file is empty: expected a run file, with keys such as `data:`"},
    {"model:\n\ttype: vit_b\n",
     "dir/x.yaml:2:1: a tab is used for indentation: YAML allows only spaces there"},
    {"a:\n  b: 1\n  \tc: 2\n",
     "dir/x.yaml:3:3: a tab is used for indentation: YAML allows only spaces there"},
    {"a: |\n\tx\n", "dir/x.yaml:2:1: a tab is used for indentation: YAML allows only spaces there"},
    {"a:\n  b: 1\n   c: 2\n",
     "dir/x.yaml:3:5: a `:` is not expected here: check the indentation of this line, that the "
     "line above ends its key with `:`, and put a text that holds `: ` in quotes"},
    {"a:\n  b: 1\n c: 2\n",
     "dir/x.yaml:3:2: expected a key here: indent it like its neighbours, and let nothing "
     "follow a closing quote or bracket"},
    {"a: [1, 2\nb: 3\n",
     "dir/x.yaml:1:4: this `[` is not closed: expected `,` or `]` between and after its items"},
    {"a: {x: 1\n",
     "dir/x.yaml:1:4: this `{` is not closed: expected `,` or `}` between and after its keys"},
    {"b: 1\na: \"abc\n", "dir/x.yaml:2:4: this quote is never closed"},
    {"a: 1\nepochs\n",
     "dir/x.yaml:2:1: expected `:` and a value after this key, or this line is not indented "
     "as it should be"},
    {"a: \"C:\\qata\"\n",
     "dir/x.yaml:1:7: a backslash starts an escape inside double quotes: write `\\\\`, or use "
     "single quotes"},
    {"a: @x\n", "dir/x.yaml:1:4: a value cannot begin with `@`: put it in quotes"},
    {"a: %x\n", "dir/x.yaml:1:4: a value cannot begin with `%`: put it in quotes"},
    {"a: ]\n", "dir/x.yaml:1:4: expected a value here, found `]`"},
    {"a: [*.weight]\n",
     "dir/x.yaml:1:5: a text that begins with `*` or `&` must be in quotes, as in "
     "\"*.weight\": bare, they mark YAML aliases and anchors"},
    {"a: [*decoder]\n",
     "dir/x.yaml:1:5: `*decoder` refers to no anchor `&decoder` above it: put a text that "
     "begins with `*` in quotes"},
    {"a: &self [*self]\n",
     "dir/x.yaml:1:11: `*self` refers to no anchor `&self` above it: put a text that begins "
     "with `*` in quotes"},
    {"a: !!str 3\n",
     "dir/x.yaml:1:4: tags are not supported: put a text that begins with `!` in quotes"},
    {"a: !x!y 3\n",
     "dir/x.yaml:1:4: tags are not supported: put a text that begins with `!` in quotes"},
    {"a: !t {b: 1}\n",
     "dir/x.yaml:1:4: tags are not supported: put a text that begins with `!` in quotes"},
    {"a: - b\n", "dir/x.yaml:1:4: a list item (`- `) is not expected here: start it on a line "
                 "of its own, below its key"},
    {"{a: 1}}\n", "dir/x.yaml:1:7: this does not belong to what stands above it: check the "
                  "indentation and the brackets"},
    {"a: 1\n---\nb: 2\n",
     "dir/x.yaml:2:1: a second document starts here (`---`): a run file holds one"},
    {"a: {b: 1, c: 2}\nb: 3\na: 4\n",
     "dir/x.yaml:3:1: `a` is given twice: it stands already in line 1, column 1"},
    {"a: {lr: 1, \"lr\": 2}\n",
     "dir/x.yaml:1:12: `lr` is given twice: it stands already in line 1, column 5"},
    {"a: &m {x: 1}\nb:\n  <<: *m\n",
     "dir/x.yaml:3:3: merge keys (`<<`) are not supported: write the keys out here"},
    {"[a]: 1\n", "dir/x.yaml:1:1: expected a key such as `epochs`, found a list"},
    {"a: &k x\n*k : 1\n", "dir/x.yaml:2:1: expected a key such as `epochs`, found an alias"},
    {"{\"\": 2}\n", "dir/x.yaml:1:2: expected a key such as `epochs`, found the text \"\""},
    {"? \n: 2\n", "dir/x.yaml:1:2: expected a key such as `epochs`, found nothing"},
    {"a: \"x\\0y\"\n", "dir/x.yaml:1:4: a text must not hold a NUL character"},
    {"a: 1\nb: \"\xc3\xa9\x01\"\n", "dir/x.yaml:2:6: the control character 0x01 is not allowed"},
    {"a: 1\nb: \xff\n",
     "dir/x.yaml:2:4: expected UTF-8 text, found the byte 0xff: save the file as UTF-8"},
    {"\xff\xfe"
     "a",
     "dir/x.yaml:1:1: expected UTF-8 text, found the byte 0xff: save the file "
     "as UTF-8"},
    {"%FOO\n---\na: 1\n---\n", "dir/x.yaml:1:1: a line must not begin with `%`: put such a "
                               "text in quotes"},
};

static void mistakes_are_told_with_their_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++)
        assert_one_error(mistakes[i].text, strlen(mistakes[i].text), mistakes[i].expected);
    assert_one_error("a: 1\nb\0: 2", 11, "dir/x.yaml:2:2: expected text, found a NUL byte");
}

static void mistakes_before_the_end_are_all_told(void **state)
{
    (void)state;
    parsed p = parse_text("b: !t x\na: 1\na: 2\n<<: 3\n[1]: 2\nc: *no\n");
    scl_error err = {0};
    assert_int_equal(finish(&p, &err), SCL_BAD_CONFIG);
    assert_non_null(p.root);
    assert_int_equal(p.root->count, 3); /* b, a, c */
    assert_ptr_equal(strstr(err.text, "5 errors in dir/x.yaml:\n  x.yaml:1:4: tags"), err.text);
    assert_non_null(strstr(err.text, "\n  x.yaml:3:1: `a` is given twice"));
    assert_non_null(strstr(err.text, "\n  x.yaml:4:1: merge keys"));
    assert_non_null(strstr(err.text, "\n  x.yaml:5:1: expected a key"));
    assert_non_null(strstr(err.text, "\n  x.yaml:6:4: `*no` refers"));
    release(&p);
}

static void depth_is_limited(void **state)
{
    (void)state;
    char text[300];
    for (size_t depth = 1; depth <= 66; depth++) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        parsed p = parse_bytes(text, 2 * depth);
        scl_error err = {0};
        assert_int_equal(finish(&p, &err), depth <= 64 ? SCL_OK : SCL_BAD_CONFIG);
        if (depth > 64)
            assert_string_equal(err.text, "dir/x.yaml:1:65: nested more than 64 levels deep");
        release(&p);
    }
    /* Also where aliases make the depth. */
    scl_str nested = {0};
    scl_str_add(&nested, "a: &a [[[[[[[[[[1]]]]]]]]]]\n");
    for (char c = 'b'; c < 'j'; c++)
        scl_str_add(&nested, "%c: &%c [[[[[[[[[[*%c]]]]]]]]]]\n", c, c, c - 1);
    parsed p = parse_text(nested.text);
    scl_error err = {0};
    assert_fails(finish(&p, &err), SCL_BAD_CONFIG, err, "nested more than 64 levels deep");
    assert_null(p.root);
    release(&p);
    scl_str_free(&nested);
}

static void alias_bombs_and_huge_files_are_refused(void **state)
{
    (void)state;
    scl_str bomb = {0};
    scl_str_add(&bomb, "a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n");
    for (char c = 'b'; c < 'i'; c++)
        scl_str_add(&bomb, "%c: &%c [*%c, *%c, *%c, *%c, *%c, *%c, *%c, *%c, *%c]\n", c, c, c - 1,
                    c - 1, c - 1, c - 1, c - 1, c - 1, c - 1, c - 1, c - 1);
    parsed p = parse_text(bomb.text);
    scl_error err = {0};
    assert_fails(finish(&p, &err), SCL_BAD_CONFIG, err, "more than 20000 values");
    assert_true(p.arena.used < (size_t)8 << 20);
    release(&p);
    scl_str_free(&bomb);

    size_t size = SCL_YAML_MAX_BYTES + 1;
    char *large = calloc(size, 1);
    assert_non_null(large);
    memset(large, ' ', size);
    assert_one_error(large, size,
                     "dir/x.yaml: expected a run file of at most 1 MiB, found 1048577 bytes");
    memset(large, '[', size - 1);
    parsed deep = parse_bytes(large, size - 1);
    scl_error deep_err = {0};
    assert_fails(finish(&deep, &deep_err), SCL_BAD_CONFIG, deep_err, "nested more than 64");
    release(&deep);
    free(large);
}

static void numbers_are_read_exactly_or_not_at_all(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool right;
        double value;
    } doubles[] = {
        {"1e-4", true, 1e-4},   {"1.0e-4", true, 1e-4}, {"-3", true, -3},    {".5", true, 0.5},
        {"5.", true, 5},        {"+2.5E+1", true, 25},  {"0x10", false, 0},  {"1e", false, 0},
        {"", false, 0},         {".", false, 0},        {"nan", false, 0},   {".inf", false, 0},
        {"1e999", false, 0},    {"1,5", false, 0},      {"1 ", false, 0},    {"1_000", false, 0},
        {"infinity", false, 0}, {"--1", false, 0},      {"1e-999", true, 0},
    };
    for (size_t i = 0; i < sizeof doubles / sizeof doubles[0]; i++) {
        double value = 0;
        assert_int_equal(scl_text_read_double(doubles[i].text, &value), doubles[i].right);
        assert_true(value == doubles[i].value);
    }
    int64_t whole = 0;
    assert_true(scl_text_read_int("-9223372036854775808", &whole) && whole == INT64_MIN);
    assert_true(scl_text_read_int("+7", &whole) && whole == 7);
    assert_false(scl_text_read_int("9223372036854775808", &whole));
    assert_false(scl_text_read_int("007", &whole));
    assert_false(scl_text_read_int("3.0", &whole));
    assert_false(scl_text_read_int("", &whole));
}

static void sizes_are_read_and_written(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t value; /* -1: refused */
        const char *written;
    } sizes[] = {
        {"8GiB", (int64_t)8 << 30, "8GiB"},
        {"1.5GiB", (int64_t)3 << 29, "1536MiB"},
        {"512MiB", (int64_t)512 << 20, "512MiB"},
        {"64KiB", 65536, "64KiB"},
        {"1TiB", (int64_t)1 << 40, "1TiB"},
        {"100000", 100000, "100000"},
        {"0", 0, "0"},
        {"8388607TiB", (int64_t)8388607 << 40, "8388607TiB"},
        {"8388608TiB", -1, NULL},
        {"8GB", -1, NULL},
        {"8gib", -1, NULL},
        {"GiB", -1, NULL},
        {"-1", -1, NULL},
        {"1.5", -1, NULL},
        {"1e400GiB", -1, NULL},
        {"00000000000000000000000000000000000001GiB", -1, NULL},
    };
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        int64_t value = -1;
        assert_int_equal(scl_text_read_bytes(sizes[i].text, &value), sizes[i].value >= 0);
        assert_int_equal(value, sizes[i].value);
        if (sizes[i].written == NULL)
            continue;
        scl_str out = {0};
        scl_text_write_bytes(&out, value);
        assert_string_equal(out.text, sizes[i].written);
        scl_str_free(&out);
    }
}

static void doubles_are_written_short_and_read_back(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } cases[] = {{0.1, "0.1"},
                 {3e-4, "0.0003"},
                 {1e-8, "1e-08"},
                 {1.0 / 3, "0.3333333333333333"},
                 {0.1 + 0.2, "0.30000000000000004"},
                 {1e6, "1000000"},
                 {0, "0"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        scl_str out = {0};
        double back = -1;
        scl_text_write_double(&out, cases[i].value);
        assert_string_equal(out.text, cases[i].text);
        assert_true(scl_text_read_double(out.text, &back) && back == cases[i].value);
        scl_str_free(&out);
    }
}

static void locale_does_not_matter(void **state)
{
    (void)state;
    if (setlocale(LC_ALL, "de_DE.UTF-8") == NULL && setlocale(LC_ALL, "fr_FR.UTF-8") == NULL) {
        print_message("no locale with a decimal comma is installed\n");
        skip();
    }
    double value = 0;
    scl_str out = {0};
    bool right = scl_text_read_double("1.5", &value);
    scl_text_write_double(&out, 0.25);
    setlocale(LC_ALL, "C");
    assert_true(right && value == 1.5);
    assert_string_equal(out.text, "0.25");
    scl_str_free(&out);
}

/* Every text, written, reads back as itself and as a text. */
static void texts_survive_writing(void **state)
{
    (void)state;
    static const char *const texts[] = {"plain",
                                        "a/b.yaml",
                                        "./x",
                                        "../x",
                                        ".hidden",
                                        "",
                                        "null",
                                        "~",
                                        "true",
                                        "No",
                                        "12",
                                        "1e5",
                                        "-",
                                        "- a",
                                        "a: b",
                                        "a #b",
                                        "#c",
                                        "*.weight",
                                        "&a",
                                        "!t",
                                        "{a}",
                                        "[x, y]",
                                        "it's",
                                        "say \"x\"",
                                        "back\\sl",
                                        "line\nend",
                                        "tab\tx",
                                        " pad ",
                                        "é",
                                        "日本",
                                        "a,b",
                                        "@x",
                                        "\x7f",
                                        "\xc2\x85",
                                        "\xe2\x80\xa8",
                                        "\xef\xbb\xbfz",
                                        "%d",
                                        "`x`",
                                        "?",
                                        "...",
                                        "---",
                                        "=",
                                        "\xf0\x9f\x98\x80"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        scl_str out = {0};
        scl_str_add(&out, "k: [");
        scl_text_write_string(&out, texts[i]);
        scl_str_add(&out, "]\n");
        parsed p = parse_text(out.text);
        assert_ok(finish(&p, &test_error));
        const scl_yaml *value = scl_yaml_path_find(p.root, "k[0]")->value;
        assert_string_equal(value->text, texts[i]);
        assert_false(scl_yaml_is_null(value));
        release(&p);
        scl_str_free(&out);
    }
}

static void quotes_in_messages_are_safe(void **state)
{
    (void)state;
    scl_arena arena = {0};
    assert_string_equal(scl_text_quote(&arena, "a\x1b[31m\nb\xc2\x9b\xff\xe2\x80"), "a?[31m b????");
    char text[200];
    memset(text, 'x', sizeof text);
    text[199] = '\0';
    const char *quoted = scl_text_quote(&arena, text);
    assert_int_equal(strlen(quoted), 63);
    assert_string_equal(quoted + 58, "xx...");
    scl_arena_free(&arena);
}

static void tree_survives_writing(void **state)
{
    (void)state;
    const char *text =
        "{a: 1e-4, b: [x, \"2\", null, {}], \"c d\": {e: true, f: \"\"}, g: \"a: b\"}";
    parsed p = parse_text(text);
    assert_ok(finish(&p, &test_error));
    scl_str out = {0};
    scl_yaml_write(p.root, &out);
    assert_string_equal(out.text, text);
    scl_str_free(&out);
    release(&p);
}

static void errors_are_sorted_capped_and_counted(void **state)
{
    (void)state;
    scl_diagnostics *d = calloc(1, sizeof *d);
    assert_non_null(d);
    for (uint32_t i = 300; i > 0; i--)
        scl_diagnostics_add(d, (scl_place){"x.yaml", i <= 40 ? i : 40 + i, 1}, "mistake %u", i);
    scl_diagnostics_add(d, (scl_place){"x.yaml", 340, 1}, "mistake 300"); /* known */
    assert_int_equal(d->total, 300);
    assert_int_equal(d->kept, SCL_DIAGNOSTICS_KEPT);
    scl_error err = {0};
    assert_int_equal(scl_diagnostics_finish(d, "x.yaml", &err), SCL_BAD_CONFIG);
    assert_ptr_equal(strstr(err.text, "300 errors in x.yaml:\n  x.yaml:241:1: mistake 201\n"),
                     err.text);
    assert_non_null(strstr(err.text, "\n  … and 200 more"));
    scl_diagnostics_free(d);

    char longest[2000];
    memset(longest, 'y', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    for (uint32_t i = 1; i <= 10; i++)
        scl_diagnostics_add(d, (scl_place){"x.yaml", i, 1}, "%u %s", i, longest);
    scl_error full = {0};
    assert_int_equal(scl_diagnostics_finish(d, "x.yaml", &full), SCL_BAD_CONFIG);
    assert_true(strlen(full.text) < SCL_ERROR_TEXT);
    assert_non_null(strstr(full.text, "\n  … and 7 more"));
    scl_diagnostics_free(d);
    free(d);
}

/* However long the lines are, the count of those that did not fit is there. */
static void capped_errors_always_say_how_many_are_left(void **state)
{
    (void)state;
    scl_diagnostics *d = calloc(1, sizeof *d);
    assert_non_null(d);
    for (int length = 60; length < 260; length++) {
        for (uint32_t i = 1; i <= 90; i++)
            scl_diagnostics_add(d, (scl_place){"x.yaml", i, 1}, "%*u", length, i);
        scl_error err = {0};
        assert_int_equal(scl_diagnostics_finish(d, "x.yaml", &err), SCL_BAD_CONFIG);
        const char *last = strrchr(err.text, '\n');
        assert_non_null(last);
        unsigned left = 0;
        size_t lines = 0;
        for (const char *p = err.text; *p != '\0'; p++)
            lines += *p == '\n';
        assert_int_equal(sscanf(last, "\n  … and %u more", &left), 1);
        assert_non_null(strstr(last, " more"));
        assert_int_equal(left + lines - 1, 90);
        scl_diagnostics_free(d);
    }
    free(d);
}

static void failing_allocations_are_reported(void **state)
{
    (void)state;
    const char *text = "a: &x {b: [1, 2, 3, 4, 5], c: d}\ne: *x\nf: &y 1\ng: *no\ng: 2\n";
    bool finished = false;
    for (long n = 0; !finished && n < 50; n++) {
        scl_alloc_fail_after(n);
        parsed p = parse_text(text);
        scl_alloc_fail_after(-1);
        scl_error err = {0};
        scl_status status = finish(&p, &err);
        finished = status == SCL_BAD_CONFIG;
        assert_true(finished || status == SCL_DEVICE);
        release(&p);
    }
    assert_true(finished);
}

static void truncation_and_flipped_bytes_never_crash(void **state)
{
    (void)state;
    const char *text = "a: &x {b: [1, \"2\\n\", 'x'], c: |\n    d\n  }\ne: *x # é\n? k\n: - v\n"
                       "g:\n  - !t x\n  - <<: *x\n";
    size_t size = strlen(text);
    char copy[256];
    for (size_t length = 0; length <= size; length++) {
        memcpy(copy, text, length);
        parsed p = parse_bytes(copy, length);
        scl_error err = {0};
        finish(&p, &err);
        release(&p);
    }
    static const unsigned char flips[] = {0x01, 0x20, 0x80, 0xff, 0x1a, 0x0f};
    for (size_t i = 0; i < size; i++) {
        for (size_t f = 0; f < sizeof flips; f++) {
            memcpy(copy, text, size);
            copy[i] = (char)((unsigned char)copy[i] ^ flips[f]);
            parsed p = parse_bytes(copy, size);
            scl_error err = {0};
            finish(&p, &err);
            release(&p);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_know_their_place_and_order),
        cmocka_unit_test(a_byte_order_mark_is_no_column),
        cmocka_unit_test(aliases_become_copies),
        cmocka_unit_test(mistakes_are_told_with_their_place),
        cmocka_unit_test(mistakes_before_the_end_are_all_told),
        cmocka_unit_test(depth_is_limited),
        cmocka_unit_test(alias_bombs_and_huge_files_are_refused),
        cmocka_unit_test(numbers_are_read_exactly_or_not_at_all),
        cmocka_unit_test(sizes_are_read_and_written),
        cmocka_unit_test(doubles_are_written_short_and_read_back),
        cmocka_unit_test(locale_does_not_matter),
        cmocka_unit_test(texts_survive_writing),
        cmocka_unit_test(quotes_in_messages_are_safe),
        cmocka_unit_test(tree_survives_writing),
        cmocka_unit_test(errors_are_sorted_capped_and_counted),
        cmocka_unit_test(capped_errors_always_say_how_many_are_left),
        cmocka_unit_test(failing_allocations_are_reported),
        cmocka_unit_test(truncation_and_flipped_bytes_never_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
