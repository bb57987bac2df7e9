/* Losses written as expressions: what is wrong with one is told at its character of the run file,
 * and what is right is saved and named. Their values are compared with torch in test_losses.c. */
#include "plugin/plugin_support.h"

#include "base/str.h"

#define HEAD       RUN_HEAD "losses:\n"
#define EXPR(text) HEAD "  - {expr: \"" text "\"}\n"

typedef struct mistake {
    const char *text, *words;
} mistake;

static void assert_mistake(const char *text, const char *words)
{
    plugin_run run;
    scl_error err = {0};
    scl_status status = plugin_run_open(&run, text, &err);
    plugin_run_close(&run);
    if (status != SCL_BAD_CONFIG || strstr(err.text, words) == NULL)
        fail_msg("%s\nexpected %s\nfound status %d, %s", text, words, (int)status, err.text);
}

static void syntax_is_told_at_its_character(void **state)
{
    (void)state;
    static const mistake mistakes[] = {
        {EXPR("mean(p"), "run.yaml:4:17: this `(` is not closed"},
        {EXPR("(mean(p) + 1"), "run.yaml:4:13: this `(` is not closed"},
        {EXPR("mean(p))"), "run.yaml:4:20: expected an operator or the end, found `)`"},
        {EXPR("mean(p) +"), "run.yaml:4:22: expected a number, a name or `(`, found the end"},
        {EXPR("mean(p) + * 2"), "run.yaml:4:23: expected a number, a name or `(`, found `*`"},
        {EXPR("2 mean(p)"), "run.yaml:4:15: expected an operator or the end, found `mean`"},
        {EXPR("mean(p t)"), "run.yaml:4:20: expected an operator, `,` or `)`, found `t`"},
        {EXPR("(p t)"), "run.yaml:4:16: expected an operator or `)`, found `t`"},
        {EXPR("mean(p) & 1"), "run.yaml:4:21: expected a number, a name or an operator, found `&`"},
        {EXPR("mean(p)\\u00a01"), "run.yaml:4:20: expected a number, a name or an operator"},
        {EXPR("mean(p**2)"), "run.yaml:4:19: write ^ for a power, found `**`"},
        {EXPR("mean(p == t)"), "run.yaml:4:20: there is no `==`: compare by < and >, or multiply"},
        {EXPR("mean(p) + 1e999"), "run.yaml:4:23: `1e999` is no number that fits"},
        {EXPR("dice(p, t, smooth=)"), "run.yaml:4:31: expected a number, a word or a 'text' as "
                                      "value, found `)`"},
        {EXPR("dice(p, t, smooth=1, smooth=2)"), "run.yaml:4:34: `smooth` is given twice"},
        {EXPR("dice(p, smooth=1, t)"), "run.yaml:4:31: values come before key=value, found `t`"},
        {EXPR("ce(p, t, class_weights=[1 2])"), "run.yaml:4:39: expected `,` or `]` in a list"},
        {EXPR("dice(p, t, smooth='1)"), "run.yaml:4:31: this text has no end: expected another '"},
        {HEAD "  - expr: 3 +\n", "run.yaml:4:14: expected a number, a name or `(`, found the end"},
    };
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++)
        assert_mistake(mistakes[i].text, mistakes[i].words);
}

static void meaning_is_told_at_its_character(void **state)
{
    (void)state;
    static const mistake mistakes[] = {
        {EXPR("mean(q)"), "run.yaml:4:18: unknown name `q` (there are x, p, logp, t, w, iou"},
        {EXPR("mean(lgp)"), "run.yaml:4:18: unknown name `lgp`: did you mean `logp`?"},
        {EXPR("mean(exp)"), "run.yaml:4:18: this is a function: write exp(value)"},
        {EXPR("men(p)"), "run.yaml:4:13: no function or loss is named `men`: did you mean `mean`?"},
        {EXPR("0.5*dise(p,t)"), "run.yaml:4:17: no function or loss is named `dise`: did you mean "
                                "`dice`?"},
        {EXPR("wholly_unknown(p)"), "(losses are "},
        {EXPR("dice(p,t) + softplus(x)"), "run.yaml:4:25: this is a value per pixel, but a loss is "
                                          "one per mask: wrap it in mean(...)"},
        {EXPR("0.5*(x - t)^2"), "run.yaml:4:18: this is a value per pixel"},
        {EXPR("mean(2 + iou)"), "run.yaml:4:18: mean takes a value per pixel, found one per mask: "
                                "leave mean(...) out"},
        {EXPR("sum(2)"), "run.yaml:4:17: sum takes a value per pixel, found a number"},
        {EXPR("mean(t) + 1"), "run.yaml:4:13: this is the same whatever the model predicts"},
        {EXPR("stop_gradient(mean(p))"), "the same whatever the model predicts"},
        {EXPR("mean(x^t)"), "run.yaml:4:20: the exponent of ^ must be a number"},
        {EXPR("mean(pow(x, p))"), "run.yaml:4:25: the exponent of pow must be a number"},
        {EXPR("mean(clamp(x, p, 1))"), "run.yaml:4:27: a bound of clamp must be a number"},
        {EXPR("mean(clamp(x, 1, -1))"), "run.yaml:4:27: the lower bound of clamp is above"},
        {EXPR("mean(where(x > 0, 1))"),
         "run.yaml:4:18: where takes 3 values, found 2: write where("},
        {EXPR("mean(x, k=1)"), "run.yaml:4:13: this function takes no key=value"},
        {EXPR("dice(p)"), "run.yaml:4:13: a loss takes the prediction and the target: write "
                          "dice(p, t)"},
        {EXPR("dice(1-p, 1-t)"),
         "run.yaml:4:18: a loss takes p, or logits: x or a value per pixel"},
        {EXPR("dice(p, mean(t))"),
         "run.yaml:4:21: the target of a loss is t, or a value per pixel"},
        {EXPR("dice(p, t, smoth=1)"), "run.yaml:4:24: unknown key `smoth` in `losses[0].expr`: did "
                                      "you mean `smooth`?"},
        {EXPR("dice(p, t, smooth=-1)"), "run.yaml:4:31: `smooth` must be"},
        {EXPR("mean(over_classes(p))"), "run.yaml:4:18: `over_classes` is for the task multiclass"},
        {EXPR("mean(q) + mean(r)"), "2 errors in run.yaml"},
        {HEAD "  - {expr: dice(p), use: dice}\n", "`expr` and `use` exclude each other"},
        {HEAD "  - {expr: \"dice(p,t)\", params: {smooth: 1}}\n", "`params` are for `use`"},
        {HEAD "  - {weight: 1}\n", "run.yaml:4:5: `losses[0]` needs the key `use`"},
        {HEAD "  - {use: dice, name: a b}\n", "run.yaml:4:23: expected 1 to 40 letters"},
    };
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++)
        assert_mistake(mistakes[i].text, mistakes[i].words);
}

static void classes_have_their_own_meaning(void **state)
{
    (void)state;
#define CLASSES                                                                                    \
    "model: {type: vit_b}\n"                                                                       \
    "data: {train: {images: i, masks: m}, task: multiclass, classes: 3, prompts: [none]}\n"        \
    "losses:\n"
    assert_mistake(CLASSES "  - {expr: \"mean(p) + iou\"}\n",
                   "run.yaml:4:23: the task multiclass has no estimate `iou`");
    assert_mistake(CLASSES "  - {expr: \"dice(p, 1-t)\"}\n",
                   "run.yaml:4:21: the target of a loss is t for the task multiclass");
}

/* However the text is written, a mistake is where it stands. */
static void columns_see_through_yaml(void **state)
{
    (void)state;
    static const mistake mistakes[] = {
        {HEAD "  - expr: mean(q)\n", "run.yaml:4:16: unknown name"},
        {HEAD "  - {expr: 'mean(q)'}\n", "run.yaml:4:18: unknown name"},
        {HEAD "  - {expr: 'dice(p, t, a=''b'') + mean(q)'}\n", "run.yaml:4:40: unknown name"},
        {HEAD "  - {expr: \"mean(\\x70) + \\u006dean(q)\"}\n", "run.yaml:4:36: unknown name"},
        {HEAD "  - expr: >\n      mean(p)\n      + mean(q)\n", "run.yaml:6:14: unknown name"},
        {HEAD "  - expr: |\n      mean(p) +\n        mean(q)\n", "run.yaml:6:14: unknown name"},
        {HEAD "  - expr: \"mean(p)\n      + mean(q)\"\n", "run.yaml:5:14: unknown name"},
        {HEAD "  - expr: \"mean(p) \\\n      + mean(q)\"\n", "run.yaml:5:14: unknown name"},
        {HEAD "  - expr: mean(p)\r\n      + mean(q)\r\n", "run.yaml:5:14: unknown name"},
        {HEAD "  - expr: &e mean(q)\n", "run.yaml:4:19: unknown name"},
        {"# \xc3\xa9\xe2\x82\xac\n" HEAD "  - {expr: \"mean(q)\"}\n",
         "run.yaml:5:18: unknown name"},
        {HEAD "  - {name: \"\\u00e9\xc3\xa9\", expr: \"mean(q)\"}\n",
         "run.yaml:4:35: unknown name"},
    };
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++)
        assert_mistake(mistakes[i].text, mistakes[i].words);
}

static void a_setting_counts_characters(void **state)
{
    (void)state;
    static const char *const settings[] = {"losses=[{expr: \"mean(q)\"}]"};
    plugin_run run = {0};
    scl_error err = {0};
    scl_run_config_load_text(&run.config, "run.yaml", RUN_HEAD, strlen(RUN_HEAD), settings, 1);
    assert_fails(scl_run_plugins_open(&run.config, &run.plugins, &err), SCL_BAD_CONFIG, err,
                 "character 6 of the expression: unknown name `q`");
    plugin_run_close(&run);
}

static void losses_have_names(void **state)
{
    (void)state;
    static const char text[] = HEAD
        "  - {expr: \"mean( p * t )\"}\n  - {expr: \"mean(p*t)\", weight: 2}\n"
        "  - {use: dice, name: overlap}\n  - {use: dice}\n  - {expr: 'dice(p,t)', name: dice}\n"
        "  - {expr: \"mean(p) + mean(p) + mean(p) + mean(p)/2\"}\n"
        "  - {expr: \"ce(p, t, class_weights=[1])\", weight: 0}\n";
    static const char *const labels[] = {"mean(p*t)",
                                         "mean(p*t)_2",
                                         "overlap",
                                         "dice",
                                         "dice_2",
                                         "mean(p)+mean(p)+mean(p)+mean(p)/...",
                                         "ce(p,t,class_weights=_1_)"};
    plugin_run run;
    assert_ok(plugin_run_open(&run, text, &test_error));
    assert_int_equal(run.plugins.loss_count, sizeof labels / sizeof *labels);
    for (size_t i = 0; i < run.plugins.loss_count; i++)
        assert_string_equal(run.plugins.losses[i].label, labels[i]);
    assert_true(run.plugins.losses[1].weight == 2);
    plugin_run_close(&run);
}

/* The resolved run file, which a resumed run is compared with, says the same. */
static void an_expression_survives_its_run_file(void **state)
{
    (void)state;
    static const char text[] =
        HEAD "  - {expr: \"mean(x) + \\\"\\\\\\\" * 1\"}\n"; /* wrong, but a text like others */
    plugin_run run, again;
    scl_str first = {0}, second = {0};
    scl_error err = {0};
    assert_fails(plugin_run_open(&run, text, &err), SCL_BAD_CONFIG, err, "run.yaml:4:23");
    plugin_run_close(&run);
    static const char right[] = HEAD "  - expr: >\n      dice(p, t,\n        smooth=2) # 1\n";
    assert_mistake(right, "run.yaml:6:19: expected a number, a name or an operator, found `#`");
    static const char best[] = HEAD "  - {expr: \"dice(p, t,\\n smooth=2)\", weight: 0.5}\n";
    assert_ok(plugin_run_open(&run, best, &test_error));
    assert_ok(scl_run_config_resolved(&run.config, &first, &test_error));
    assert_ok(plugin_run_open(&again, first.text, &test_error));
    assert_string_equal(again.config.losses.items[0].expr, "dice(p, t,\n smooth=2)");
    assert_ok(scl_run_config_resolved(&again.config, &second, &test_error));
    assert_string_equal(first.text, second.text);
    plugin_run_close(&run);
    plugin_run_close(&again);
    scl_str_free(&first);
    scl_str_free(&second);
}

static void no_text_is_too_much(void **state)
{
    (void)state;
    scl_str deep = {0}, lengthy = {0}, name = {0};
    scl_str_add(&deep, HEAD "  - expr: ");
    scl_str_add(&lengthy, HEAD "  - expr: mean(p)");
    scl_str_add(&name, HEAD "  - expr: ");
    for (int i = 0; i < 5000; i++) {
        scl_str_add(&deep, i % 2 == 0 ? "(" : "-");
        scl_str_add(&lengthy, "+p");
        scl_str_add(&name, "a");
    }
    assert_mistake(deep.text, "nested too deeply");
    assert_mistake(lengthy.text, "the expression is too long");
    assert_mistake(name.text, "run.yaml:4:11: `aaaa");
    scl_str_free(&deep);
    scl_str_free(&lengthy);
    scl_str_free(&name);
}

/* Where a check only wanted a place to complain at, it does without. */
static void every_failing_allocation_is_reported(void **state)
{
    (void)state;
    int failures = 0;
    scl_status status = SCL_OK;
    for (long n = 0; n < 400; n++) {
        plugin_run run;
        scl_error err = {0};
        scl_alloc_fail_after(n);
        status = plugin_run_open(
            &run, EXPR("ce(x, t, class_weights=[1, 2]) + mean(p^3) - dice(p,t)"), &err);
        plugin_run_close(&run);
        scl_alloc_fail_after(-1);
        assert_true(status == SCL_OK || status == SCL_DEVICE);
        failures += status != SCL_OK;
    }
    assert_int_equal(status, SCL_OK);
    assert_true(failures > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(syntax_is_told_at_its_character),
        cmocka_unit_test(meaning_is_told_at_its_character),
        cmocka_unit_test(classes_have_their_own_meaning),
        cmocka_unit_test(columns_see_through_yaml),
        cmocka_unit_test(a_setting_counts_characters),
        cmocka_unit_test(losses_have_names),
        cmocka_unit_test(an_expression_survives_its_run_file),
        cmocka_unit_test(no_text_is_too_much),
        cmocka_unit_test(every_failing_allocation_is_reported),
    };
    return cmocka_run_group_tests(tests, search_both, NULL);
}
