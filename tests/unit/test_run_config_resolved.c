/* What becomes of a run file: plugins read their parameters, the resolved file is written and read
 * back; and nothing in it, nor a failing allocation, may crash. */
#include "support.h"

#include "base/file.h"
#include "config/run_config.h"

#include <math.h>
#include <stdlib.h>

#define EXAMPLE TEST_FIXTURES "/config/example.yaml"
#define ALL     TEST_FIXTURES "/config/all.yaml"

/* The two lines most files here begin with. */
#define MODEL "model: {type: vit_b}\n"
#define DATA  "data: {train: {images: i, masks: m}}\n"

static scl_run_config config;

/* ------------------------------------------------------------------ plugins */

typedef struct lora_params {
    int64_t rank;
    double alpha;
    scl_param_strings sites;
} lora_params;

static const scl_param lora_table[] = {
    {"rank", SCL_PARAM_INT, offsetof(lora_params, rank), "4", 1, 256, NULL, "width"},
    {"alpha", SCL_PARAM_FLOAT, offsetof(lora_params, alpha), "8", 0, 1000, NULL, "scale"},
    {"sites", SCL_PARAM_STRINGS, offsetof(lora_params, sites), NULL, 0, 0, NULL, "layers"},
};

static void plugin_parameters_are_read_into_its_struct(void **state)
{
    (void)state;
    scl_run_config_load(&config, EXAMPLE, NULL, 0);
    const lora_params *params =
        scl_run_config_read_params(&config, &config.adapter.items[0].params, "adapter.params",
                                   lora_table, 3, sizeof(lora_params));
    assert_non_null(params);
    assert_ok(scl_run_config_finish(&config, &test_error));
    assert_int_equal(params->rank, 4);
    assert_true(params->alpha == 4);
    assert_string_equal(params->sites.items[0], "image_encoder.blocks.*.attn.qkv");
    scl_run_config_free(&config);

    const char *text = MODEL DATA "adapter: {use: l, params: {sites: []}}";
    scl_run_config_load_text(&config, "x.yaml", text, strlen(text), NULL, 0);
    scl_run_config_read_params(&config, &config.adapter.items[0].params, "adapter.params",
                               lora_table, 3, sizeof(lora_params));
    scl_str out = {0};
    assert_ok(scl_run_config_finish(&config, &test_error));
    assert_ok(scl_run_config_resolved(&config, &out, &test_error));
    assert_non_null(strstr(out.text, "  params: {rank: 4, alpha: 8, sites: []}\n"));
    scl_str_free(&out);
    scl_run_config_free(&config);
}

/* A list of one is written as its map, and a longer one as a list. */
static void adapters_are_written_as_map_or_list(void **state)
{
    (void)state;
    static const struct {
        const char *adapter, *resolved;
    } cases[] = {
        {"[]", "adapter: none\n"},
        {"none", "adapter: none\n"},
        {"[{use: a}]", "  use: a\n"},
        {"[{use: a}, {use: b, params: {c: 1}}]",
         "adapter:\n  - {use: a, params: {}}\n  - {use: b, params: {c: 1}}\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[256];
        scl_str out = {0};
        snprintf(text, sizeof text, MODEL DATA "adapter: %s\n", cases[i].adapter);
        scl_run_config_load_text(&config, "x.yaml", text, strlen(text), NULL, 0);
        assert_ok(scl_run_config_finish(&config, &test_error));
        assert_ok(scl_run_config_resolved(&config, &out, &test_error));
        if (strstr(out.text, cases[i].resolved) == NULL)
            fail_msg("expected %s in\n%s", cases[i].resolved, out.text);
        size_t count = config.adapter.count;
        scl_run_config_free(&config);
        scl_run_config_load_text(&config, "y.yaml", out.text, out.length, NULL, 0);
        assert_ok(scl_run_config_finish(&config, &test_error));
        assert_int_equal(config.adapter.count, count);
        scl_run_config_free(&config);
        scl_str_free(&out);
    }
}

static void plugin_mistakes_come_with_all_others(void **state)
{
    (void)state;
    const char *text = MODEL DATA "adapter: {use: lora, params: {r: 8, alpha: x}}\n"
                                  "losses: [{use: dcie}, {use: dice, params: {rank: 300}}]\n"
                                  "train: {epochs: 0}\n";
    scl_run_config_load_text(&config, "x.yaml", text, strlen(text), NULL, 0);
    scl_run_config_read_params(&config, &config.adapter.items[0].params, "adapter.params",
                               lora_table, 3, sizeof(lora_params));
    scl_run_config_complain(&config, "losses[0].use", "no loss is named `%s`: did you mean `dice`?",
                            config.losses.items[0].use);
    scl_run_config_read_params(&config, &config.losses.items[1].params, "losses[1].params",
                               lora_table, 2, sizeof(lora_params));
    scl_error err = {0};
    assert_int_equal(scl_run_config_finish(&config, &err), SCL_BAD_CONFIG);
    assert_string_equal(err.text,
                        "6 errors in x.yaml:\n"
                        "  x.yaml:3:22: `adapter.params` needs the key `sites` (layers)\n"
                        "  x.yaml:3:31: unknown key `r` in `adapter.params`: did you mean `rank`?\n"
                        "  x.yaml:3:44: expected a number for `alpha`, found the text \"x\"\n"
                        "  x.yaml:4:16: no loss is named `dcie`: did you mean `dice`?\n"
                        "  x.yaml:4:50: `rank` must be between 1 and 256, found 300\n"
                        "  x.yaml:5:17: `epochs` must be between 1 and 1000000, found 0");
    scl_run_config_free(&config);
}

/* A parameter that is missing where `params` itself is missing: said at the plugin. */
static void missing_parameters_are_told_at_the_plugin(void **state)
{
    (void)state;
    const char *text = MODEL DATA "adapter:\n  use: lora\n";
    scl_run_config_load_text(&config, "x.yaml", text, strlen(text), NULL, 0);
    scl_run_config_read_params(&config, &config.adapter.items[0].params, "adapter.params",
                               lora_table, 3, sizeof(lora_params));
    scl_error err = {0};
    assert_int_equal(scl_run_config_finish(&config, &err), SCL_BAD_CONFIG);
    assert_string_equal(err.text, "x.yaml:3:1: `adapter.params` needs the key `sites` (layers)");
    scl_run_config_free(&config);
}

/* ------------------------------------------------------------------ the resolved file */

static void assert_same(const scl_schema *schema, const void *a, const void *b);

static void assert_same_child(const scl_schema_child *child, const void *a, const void *b)
{
    const void *field_a = (const char *)a + child->offset,
               *field_b = (const char *)b + child->offset;
    const scl_schema_list *list_a = field_a, *list_b = field_b;
    const scl_schema_params *params_a = field_a, *params_b = field_b;
    scl_str text_a = {0}, text_b = {0};
    switch (child->kind) {
    case SCL_CHILD_MAP:
        assert_int_equal(*(const int32_t *)field_a, *(const int32_t *)field_b);
        assert_same(child->schema, field_a, field_b);
        break;
    case SCL_CHILD_MAPS:
    case SCL_CHILD_SOME:
        assert_int_equal(list_a->count, list_b->count);
        for (size_t i = 0; i < list_a->count; i++)
            assert_same(child->schema, (char *)list_a->items + i * child->schema->size,
                        (char *)list_b->items + i * child->schema->size);
        break;
    case SCL_CHILD_PARAMS:
        assert_int_equal(params_a->node == NULL, params_b->node == NULL);
        if (params_a->node == NULL)
            break;
        scl_yaml_write(params_a->node, &text_a);
        scl_yaml_write(params_b->node, &text_b);
        assert_string_equal(text_a.text, text_b.text);
        scl_str_free(&text_a);
        scl_str_free(&text_b);
        break;
    }
}

/* Every field of the tables is equal, bit by bit but for strings and lists. */
static void assert_same(const scl_schema *schema, const void *a, const void *b)
{
    for (size_t i = 0; i < schema->param_count; i++) {
        const scl_param *param = &schema->params[i];
        const char *field_a = (const char *)a + param->offset;
        const char *field_b = (const char *)b + param->offset;
        scl_str text_a = {0}, text_b = {0};
        scl_value_write(param, a, &text_a);
        scl_value_write(param, b, &text_b);
        if (strcmp(text_a.text, text_b.text) != 0)
            fail_msg("`%s`: %s became %s", param->key, text_a.text, text_b.text);
        if (param->type == SCL_PARAM_INT || param->type == SCL_PARAM_FLOAT ||
            param->type == SCL_PARAM_BYTES || param->type == SCL_PARAM_CHOICE ||
            param->type == SCL_PARAM_BOOL)
            assert_memory_equal(field_a, field_b, scl_value_size(param->type));
        scl_str_free(&text_a);
        scl_str_free(&text_b);
    }
    for (size_t i = 0; i < schema->child_count; i++)
        assert_same_child(&schema->children[i], a, b);
}

/* Takes `config` as it was loaded, and frees it. */
static void assert_round_trip(void)
{
    static scl_run_config again;
    scl_str first = {0}, second = {0};
    assert_ok(scl_run_config_finish(&config, &test_error));
    assert_ok(scl_run_config_resolved(&config, &first, &test_error));
    scl_run_config_load_text(&again, "again.yaml", first.text, first.length, NULL, 0);
    scl_error err = {0};
    scl_run_config_finish(&again, &err);
    assert_string_equal(err.text, "");
    assert_same(&scl_run_config_schema, &config, &again);
    assert_ok(scl_run_config_resolved(&again, &second, &test_error));
    assert_string_equal(first.text, second.text);
    scl_str_free(&first);
    scl_str_free(&second);
    scl_run_config_free(&config);
    scl_run_config_free(&again);
}

static void resolved_file_reads_back_as_the_same_run(void **state)
{
    (void)state;
    scl_run_config_load(&config, EXAMPLE, NULL, 0);
    assert_round_trip();
    scl_run_config_load(&config, ALL, NULL, 0);
    assert_round_trip();
    const char *multiclass = MODEL "data: {train: {images: i, masks: m}, val_split: 0.3, task: "
                                   "multiclass, classes: 3, class_names: [sky, \"no\", \"1\"]}\n";
    scl_run_config_load_text(&config, "m.yaml", multiclass, strlen(multiclass), NULL, 0);
    assert_int_equal(config.data.classes, 3);
    assert_string_equal(config.data.class_names.items[2], "1");
    assert_true(config.data.val_split == 0.3);
    assert_round_trip();
}

/* The file of the round trip leaves no key of the tables out, and gives none its default. */
static void assert_all_given(const scl_schema *schema, const void *out, const void *defaults,
                             const scl_yaml *node, int *seen)
{
    for (size_t i = 0; i < schema->param_count; i++) {
        const scl_param *param = &schema->params[i];
        /* These go with another task, without val, or without `masks`. */
        if (strcmp(param->key, "classes") == 0 || strcmp(param->key, "class_names") == 0 ||
            strcmp(param->key, "val_split") == 0 || strcmp(param->key, "multimask") == 0)
            continue;
        scl_str text = {0}, usual = {0};
        if (scl_yaml_find(node, param->key) == NULL)
            fail_msg("`%s` is not in the file", param->key);
        scl_value_write(param, out, &text);
        scl_value_write(param, defaults, &usual);
        if (strcmp(text.text, usual.text) == 0)
            fail_msg("`%s` has its default %s", param->key, text.text);
        ++*seen;
        scl_str_free(&text);
        scl_str_free(&usual);
    }
    for (size_t i = 0; i < schema->child_count; i++) {
        const scl_schema_child *child = &schema->children[i];
        const scl_yaml_entry *entry = scl_yaml_find(node, child->key);
        if (entry == NULL)
            fail_msg("`%s` is not in the file", child->key);
        else if (child->kind == SCL_CHILD_MAP)
            assert_all_given(child->schema, (const char *)out + child->offset,
                             (const char *)defaults + child->offset, entry->value, seen);
    }
}

static void round_trip_covers_every_key(void **state)
{
    (void)state;
    static scl_run_config usual;
    const char *text = "data: {train: {images: i, masks: m}}\n";
    scl_run_config_load_text(&usual, "usual.yaml", text, strlen(text), NULL, 0);
    scl_run_config_load(&config, ALL, NULL, 0);
    scl_error err = {0};
    scl_run_config_finish(&config, &err);
    assert_string_equal(err.text, "");
    int seen = 0;
    assert_all_given(&scl_run_config_schema, &config, &usual, config.root, &seen);
    assert_int_equal(seen, 68);
    assert_true(config.seed == INT64_MAX);
    assert_true(config.data.prompts.items[0].weight == 2);
    assert_int_equal(config.data.prompts.items[1].point.negative, 2);
    assert_true(config.data.prompts.items[2].mask.noise == 0.125);
    assert_true(config.train.param_groups.items[0].lr_scale == 0.1);
    assert_true(isnan(config.train.param_groups.items[0].lr));
    assert_true(config.train.param_groups.items[1].weight_decay == 0);
    assert_true(config.cache.memory == (int64_t)3 << 29);
    assert_true(config.memory_budget == (int64_t)6 << 30);
    scl_run_config_free(&config);
    scl_run_config_free(&usual);
}

static void check_tables(const scl_schema *schema)
{
    assert_ok(
        scl_schema_check_table(schema->params, schema->param_count, schema->size, &test_error));
    for (size_t i = 0; i < schema->child_count; i++)
        if (schema->children[i].schema != NULL)
            check_tables(schema->children[i].schema);
}

static void own_tables_are_sound(void **state)
{
    (void)state;
    check_tables(&scl_run_config_schema);
}

/* ------------------------------------------------------------------ hostile input */

static void failing_allocations_are_reported(void **state)
{
    (void)state;
    static const char *const settings[] = {"train.optimizer.lr=3e-4", "losses[2].use=x"};
    bool finished = false;
    for (long n = 0; !finished && n < 400; n++) {
        scl_error err = {0};
        scl_str out = {0};
        scl_alloc_fail_after(n);
        scl_run_config_load(&config, ALL, settings, 2);
        if (config.adapter.count > 0)
            scl_run_config_read_params(&config, &config.adapter.items[0].params, "adapter.params",
                                       lora_table, 2, sizeof(lora_params));
        scl_status status = scl_run_config_finish(&config, &err);
        if (status == SCL_BAD_CONFIG &&
            strstr(err.text, "all.yaml:53:21: unknown key `odd key`") == NULL)
            fail_msg("after %ld allocations: %s", n, err.text);
        scl_status resolved = scl_run_config_resolved(&config, &out, &err);
        scl_alloc_fail_after(-1);
        assert_true(status == SCL_DEVICE || status == SCL_BAD_CONFIG);
        finished = status == SCL_BAD_CONFIG && resolved == SCL_OK;
        scl_str_free(&out);
        scl_run_config_free(&config);
    }
    assert_true(finished);
}

static void load_hostile(const char *text, size_t size)
{
    scl_error err = {0};
    scl_run_config_load_text(&config, "x.yaml", text, size, NULL, 0);
    if (scl_run_config_finish(&config, &err) == SCL_OK) {
        scl_str out = {0};
        assert_ok(scl_run_config_resolved(&config, &out, &test_error));
        scl_str_free(&out);
    } else {
        assert_true(strlen(err.text) > 0);
    }
    scl_run_config_free(&config);
}

static void truncation_and_flipped_bytes_never_crash(void **state)
{
    (void)state;
    static const unsigned char flips[] = {0x01, 0x10, 0x1b, 0x80};
    scl_file_map file;
    assert_ok(scl_file_map_open(EXAMPLE, &file, &test_error));
    char *copy = malloc(file.size);
    assert_non_null(copy);
    for (size_t size = 0; size <= file.size; size++) {
        char *prefix = malloc(size > 0 ? size : 1); /* so that reading past its end is seen */
        assert_non_null(prefix);
        memcpy(prefix, file.data, size);
        load_hostile(prefix, size);
        free(prefix);
    }
    for (size_t i = 0; i < file.size; i++) {
        for (size_t f = 0; f < sizeof flips; f++) {
            memcpy(copy, file.data, file.size);
            copy[i] = (char)((unsigned char)copy[i] ^ flips[f]);
            load_hostile(copy, file.size);
        }
    }
    free(copy);
    scl_file_unmap(&file);
}

static void thousands_of_mistakes_are_quick_and_counted(void **state)
{
    (void)state;
    scl_str text = {0};
    scl_str_add(&text, MODEL DATA);
    for (int i = 0; i < 9000; i++)
        scl_str_add(&text, "a_rather_long_key_that_no_table_has_%d: 1\n", i);
    scl_error err = {0};
    scl_run_config_load_text(&config, "x.yaml", text.text, text.length, NULL, 0);
    assert_int_equal(scl_run_config_finish(&config, &err), SCL_BAD_CONFIG);
    assert_ptr_equal(strstr(err.text, "9000 errors in x.yaml:\n"), err.text);
    assert_non_null(strstr(err.text, " more"));
    scl_str_free(&text);
    scl_run_config_free(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plugin_parameters_are_read_into_its_struct),
        cmocka_unit_test(adapters_are_written_as_map_or_list),
        cmocka_unit_test(plugin_mistakes_come_with_all_others),
        cmocka_unit_test(missing_parameters_are_told_at_the_plugin),
        cmocka_unit_test(resolved_file_reads_back_as_the_same_run),
        cmocka_unit_test(round_trip_covers_every_key),
        cmocka_unit_test(own_tables_are_sound),
        cmocka_unit_test(failing_allocations_are_reported),
        cmocka_unit_test(truncation_and_flipped_bytes_never_crash),
        cmocka_unit_test(thousands_of_mistakes_are_quick_and_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
