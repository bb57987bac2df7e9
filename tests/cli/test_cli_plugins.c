/* samcl plugins check, on samcl's own plugins and on those that break a promise or crash; and what
 * a crash of a plugin is reported as by other verbs. */
#include "cli/models.h"
#include "cli/program.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

#include <stdlib.h>

#define PLUGINS  TEST_BUILD "/plugins"
#define CRASHING TEST_BUILD "/tests/crashing/"
#define UNSOUND  TEST_BUILD "/tests/unsound/"

static const char *device(void)
{
    return test_device_name();
}

static void own_plugins_pass(void **state)
{
    (void)state;
    scl_folder folder;
    assert_ok(scl_folder_list(PLUGINS, &folder, &test_error));
    assert_true(folder.count >= 15);
    for (size_t i = 0; i < folder.count; i++) {
        char *path = scl_path_join(PLUGINS, folder.names[i]);
        outcome o = RUN("plugins", "check", path, "--device", device());
        if (o.code != 0 || strstr(o.out, "failed") != NULL)
            fail_msg("%s: exit code %d\n%s%s", folder.names[i], o.code, o.out, o.err);
        assert_non_null(strstr(o.out, "ok      gradient "));
        assert_non_null(strstr(o.out, "ok      time "));
        scl_free(path);
    }
    scl_folder_free(&folder);
}

/* The check that finds it, and only that one where `only` is set. */
static void assert_found(const char *path, const char *line, bool only)
{
    outcome o = RUN("plugins", "check", path, "--device", device(), "--limit", "3");
    const char *first = strstr(o.out, "failed");
    if (o.code != 6 || strstr(o.out, line) == NULL || strstr(o.err, "does not pass") == NULL)
        fail_msg("%s: expected exit code 6 with \"%s\", found %d:\n%s%s", path, line, o.code, o.out,
                 o.err);
    if (only && strstr(first + 1, "failed") != NULL)
        fail_msg("%s: expected one failure:\n%s", path, o.out);
}

static void broken_promises_are_found(void **state)
{
    (void)state;
    EXPECT(0, "ok      device ", "plugins", "check", UNSOUND "sound_op.so", "--device", device());
    EXPECT(0, "ok      nan         an input that is NaN makes the output NaN", "plugins", "check",
           PLUGINS "/lora.so", "--device", device());
    assert_found(UNSOUND "wrong_gradient.so", "failed  gradient    the task binary: the derivative",
                 true);
    assert_found(UNSOUND "wrong_kernel.so", "failed  device      the task binary: its value", true);
    assert_found(UNSOUND "forgets_weight.so", "failed  ignored     with other logits where", true);
    assert_found(UNSOUND "keeps_count.so", "failed  instances   after another instance", false);
    assert_found(UNSOUND "overflows.so", "failed  edges       the task binary, logits of +-10000",
                 true);
    assert_found(UNSOUND "overflows_layer.so",
                 "failed  edges       image_encoder.blocks.0.mlp.lin1, inputs of +-10000", true);
    assert_found(UNSOUND "mixes_rows.so",
                 "failed  rows        image_encoder.blocks.0.mlp.lin1: ", true);
    assert_found(UNSOUND "half_merge.so",
                 "failed  merge       image_encoder.blocks.0.mlp.lin1: ", true);
}

static void crashes_are_findings(void **state)
{
    (void)state;
    static const struct {
        const char *path, *line;
    } cases[] = {
        {CRASHING "crash_address.so", "crashed in its own code, at loss crash_address: segm"},
        {CRASHING "crash_stack.so", "crashed in its own code, at loss crash_stack: segm"},
        {CRASHING "crash_abort.so", "crashed in its own code, at loss crash_abort: abort"},
        {CRASHING "crash_division.so", "at loss crash_division: arithmetic error"},
        {CRASHING "crash_loop.so", "at loss crash_loop: it took too long"},
        {CRASHING "crash_loaded.so", "failed  descriptor  the plugin "},
        {CRASHING "crash_entry.so", "at scl_plugin_entry_v1: abort"},
        {TEST_BUILD "/tests/broken/no_symbol.so", "failed  descriptor  plugin "},
        {UNSOUND "crash_reference.so", "at the reference function of its own op: segm"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_found(cases[i].path, cases[i].line, false);
    EXPECT(6, "does not pass", "plugins", "check", "nowhere.so");
}

static void a_check_goes_on_after_a_crash(void **state)
{
    (void)state;
    outcome o = RUN("plugins", "check", UNSOUND "crash_reference.so", "--device", device());
    assert_non_null(strstr(o.out, "failed  gradient "));
    assert_non_null(strstr(o.out, "ok      memory "));
}

/* A crash ends the program by its signal, as ever, but says whose code it was; also once a driver
 * has put handlers of its own in place. */
static void a_crash_elsewhere_has_a_name(void **state)
{
    (void)state;
    static const char *const ways[] = {"address: segmentation fault", "abort: abort",
                                       "division: arithmetic error", "stack: segmentation fault"};
    write_base();
    write_run_file();
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        char setting[256], words[128];
        size_t name = strcspn(ways[i], ":");
        snprintf(setting, sizeof setting, "losses=[{use: %scrash_%.*s.so}]", CRASHING, (int)name,
                 ways[i]);
        snprintf(words, sizeof words, "crashed in its own code, at loss crash_%s", ways[i]);
        EXPECT(-1, words, "plan", "run.yaml", setting);
        EXPECT(-1, words, "validate", "run.yaml", setting);
    }
    EXPECT(-1, "the plugin " CRASHING "crash_entry.so crashed in its own code, at scl_plugin_entry",
           "plugins", "show", CRASHING "crash_entry.so");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(own_plugins_pass),
        cmocka_unit_test(broken_promises_are_found),
        cmocka_unit_test(crashes_are_findings),
        cmocka_unit_test(a_check_goes_on_after_a_crash),
        cmocka_unit_test(a_crash_elsewhere_has_a_name),
    };
    return cmocka_run_group_tests(tests, program_enter_folder, program_leave_folder);
}
