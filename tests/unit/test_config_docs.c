/* docs/configuration.md is what the tables say, and its examples are run files. */
#include "support.h"

#include "base/file.h"
#include "config/run_config.h"
#include "config/schema_docs.h"

static void committed_page_is_the_generated_one(void **state)
{
    (void)state;
    static const char generated[] = TEST_BUILD "/configuration.md";
    scl_str page = {0};
    scl_schema_docs_configuration(&page);
    assert_false(page.failed);
    assert_ok(scl_file_write(generated, page.text, page.length, &test_error));
    scl_file_map committed;
    assert_ok(
        scl_file_map_open(TEST_FIXTURES "/../../docs/configuration.md", &committed, &test_error));
    if (committed.size != page.length || memcmp(committed.data, page.text, page.length) != 0)
        fail_msg("docs/configuration.md is not what the tables say: copy %s there", generated);
    scl_file_unmap(&committed);
    scl_str_free(&page);
}

/* Reads `text` as a run file; complains with its errors. */
static void assert_run_file(const char *text, size_t size)
{
    static scl_run_config config;
    scl_error err = {0};
    scl_run_config_load_text(&config, "example", text, size, NULL, 0);
    if (scl_run_config_finish(&config, &err) != SCL_OK)
        fail_msg("%s\nin\n%.*s", err.text, (int)size, text);
    scl_run_config_free(&config);
}

static void first_example_of_the_page_is_a_run_file(void **state)
{
    (void)state;
    scl_str page = {0};
    scl_schema_docs_configuration(&page);
    const char *start = strstr(page.text, "```yaml\n");
    assert_non_null(start);
    start += strlen("```yaml\n");
    assert_run_file(start, (size_t)(strstr(start, "```\n") - start));
    scl_str_free(&page);
}

/* {key: value, …} of all examples of a map's children. */
static void add_examples(const scl_schema *schema, scl_str *out)
{
    scl_str_add(out, "{");
    for (size_t i = 0; i < schema->child_count; i++) {
        const scl_schema_child *child = &schema->children[i];
        scl_str_add(out, "%s: ", child->key);
        if (child->kind == SCL_CHILD_MAP && child->schema->child_count > 0 &&
            strcmp(child->key, "adapter") != 0)
            add_examples(child->schema, out);
        else if (child->kind == SCL_CHILD_MAPS)
            scl_str_add(out, "[%s]", child->example);
        else
            scl_str_add(out, "%s", child->example);
        scl_str_add(out, ", ");
    }
    scl_str_add(out, "}");
}

static void examples_of_all_sections_make_a_run_file(void **state)
{
    (void)state;
    scl_str text = {0};
    add_examples(&scl_run_config_schema, &text);
    assert_non_null(strstr(text.text, "lr_scheduler: {type: cosine"));
    assert_run_file(text.text, text.length);
    scl_str_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(committed_page_is_the_generated_one),
        cmocka_unit_test(first_example_of_the_page_is_a_run_file),
        cmocka_unit_test(examples_of_all_sections_make_a_run_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
