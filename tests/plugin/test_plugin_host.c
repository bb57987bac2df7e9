/* Finding, loading and checking plugin files: every fault has its sentence. */
#include "plugin/plugin_support.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "samcl/samcl.h"

#include <unistd.h>

#define TEXT_OF(x) #x
#define TEXT(x)    TEXT_OF(x)
#define MINOR      TEXT(SCL_PLUGIN_ABI_MINOR)

static void assert_refused(const char *use, scl_plugin_kind kind, const char *words)
{
    scl_plugin_file file;
    scl_error err = {0};
    assert_fails(scl_plugin_open(use, kind, &file, &err), SCL_PLUGIN, err, words);
    assert_int_equal(err.status, SCL_PLUGIN);
    assert_null(strchr(err.text, '\n'));
    assert_null(file.handle);
    assert_null(file.path);
}

typedef struct expectation {
    const char *name;
    const char *words;
} expectation;

static void each_fault_has_its_sentence(void **state)
{
    (void)state;
    static const expectation faults[] = {
        {"folder", "broken/folder.so: expected a shared object, found a folder"},
        {"not_shared", "broken/not_shared.so: it cannot be loaded: "},
        {"unresolved", "it cannot be loaded: undefined symbol: a_function_that_is_nowhere"},
        {"no_symbol", "it has no function scl_plugin_entry_v1: it is no samcl plugin, or one for "
                      "another samcl"},
        {"returns_null", "scl_plugin_entry_v1 returned NULL instead of a descriptor"},
        {"short_head", "its descriptor says it has 4 bytes, too few to hold the ABI version"},
        {"other_major",
         "it was built for plugin ABI 9." MINOR ", this samcl has 1." MINOR ": rebuild it"},
        {"newer_minor", ", newer than this samcl's 1." MINOR ": update samcl, or rebuild it"},
        {"small_struct", "its descriptor is 80 bytes, expected 88 for ABI 1." MINOR},
        {"large_struct", "its descriptor is 96 bytes, expected 88 for ABI 1." MINOR},
        {"other_pointer", "its fingerprint.pointer_size is 4 bytes, expected 8"},
        {"other_param", "its fingerprint.param_size is 40 bytes, expected 56"},
        {"tiny_builder", "its fingerprint.builder_size is 296 bytes, expected"},
        {"unknown_kind", "its kind is 7, expected 1 (loss) or 2 (adapter)"},
        {"lora", "plugins/lora.so: it is of kind adapter, expected loss: use it in `adapter` of "
                 "the run file"},
        {"bad_id", "its id must be lower-case letters, digits and _, begin with a letter and have "
                   "at most 64 characters, found `Bad-Id`"},
        {"null_id", "found ``"},
        {"other_id", "its id is `dice`, expected `other_id` as its file is named: name the file "
                     "dice.so"},
        {"no_version", "its version must be one line of text"},
        {"two_line_summary", "its summary must be one line of text"},
        {"no_licence", "its licence must be one line of text"},
        {"no_table", "expected a table of at most 256 parameters"},
        {"large_table", "expected a table of at most 256 parameters"},
        {"bad_offset", "parameter `second`: its offset"},
        {"bad_type", "parameter `second`: its type is unknown"},
        {"bad_default", "parameter `second`: its default is wrong"},
        {"same_key", "parameter `first`: its key stands in the table twice"},
        {"no_interface", "its interface is missing"},
        {"small_interface", "its scl_loss_interface is 8 bytes, expected 16"},
        {"no_build", "its interface has no function `build`"},
    };
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
        assert_refused(faults[i].name, SCL_PLUGIN_LOSS, faults[i].words);
    char words[128];
    snprintf(words, sizeof words, "its fingerprint.builder_size is %zu bytes, expected %zu",
             sizeof(scl_builder) + 8, sizeof(scl_builder));
    assert_refused("other_builder", SCL_PLUGIN_LOSS, words);
    assert_refused("idle_adapter", SCL_PLUGIN_ADAPTER, "neither a function `trains` nor `wraps`");
    assert_refused("no_attach", SCL_PLUGIN_ADAPTER, "a function `wraps` but no function `attach`");
    assert_refused("unknown_site", SCL_PLUGIN_ADAPTER,
                   "its kinds are 0x100000, expected the sum of some 1 << scl_site_kind, at most "
                   "0x1f");
    assert_refused("lost_tokens", SCL_PLUGIN_ADAPTER,
                   "a function `tokens` but its kinds lack SCL_SITE_BLOCK");
    assert_refused("dice", SCL_PLUGIN_ADAPTER,
                   "it is of kind loss, expected adapter: use it in "
                   "`losses` of the run file");
}

static void a_sound_plugin_opens_by_name_and_by_path(void **state)
{
    (void)state;
    static const char *const uses[] = {"sound", BROKEN "/sound.so", BROKEN "/sound"};
    for (size_t i = 0; i < sizeof uses / sizeof uses[0]; i++) {
        scl_plugin_file file;
        assert_ok(scl_plugin_open(uses[i], SCL_PLUGIN_LOSS, &file, &test_error));
        assert_string_equal(file.path, BROKEN "/sound.so");
        assert_string_equal(file.facts.plugin.id, "sound");
        assert_int_equal(file.facts.plugin.param_count, 2);
        assert_non_null(file.facts.loss.build);
        scl_plugin_close(&file);
        scl_plugin_close(&file); /* a second time does no harm */
    }
}

/* What it lacks is zero, and what it has works. */
static void a_plugin_of_version_1_0_opens(void **state)
{
    (void)state;
    scl_plugin_file file;
    assert_ok(scl_plugin_open("version_1_0", SCL_PLUGIN_ADAPTER, &file, &test_error));
    assert_int_equal(file.facts.plugin.abi_minor, 0);
    assert_non_null(file.facts.adapter.wraps);
    assert_null(file.facts.adapter.mixes_rows);
    scl_plugin_close(&file);
}

/* The id says what a plugin is called, but a path needs no agreement. */
static void a_path_may_differ_from_the_id(void **state)
{
    (void)state;
    scl_plugin_file file;
    assert_ok(scl_plugin_open(BROKEN "/other_id.so", SCL_PLUGIN_LOSS, &file, &test_error));
    assert_string_equal(file.facts.plugin.id, "dice");
    scl_plugin_close(&file);
    assert_int_equal(chdir(BROKEN), 0);
    assert_ok(scl_plugin_open("./sound", SCL_PLUGIN_LOSS, &file, &test_error));
    assert_string_equal(file.path, "./sound.so");
    scl_plugin_close(&file);
    assert_refused("./absent", SCL_PLUGIN_LOSS, "plugin ./absent: there is no such file");
    assert_refused("./absent.so", SCL_PLUGIN_LOSS, "plugin ./absent.so: there is no such file");
}

static void an_unknown_name_lists_what_there_is(void **state)
{
    (void)state;
    setenv(SCL_PLUGIN_PATH_VARIABLE, "/nowhere::" PLUGINS, 1);
    assert_refused("dicee", SCL_PLUGIN_LOSS,
                   "no loss is named `dicee` in /nowhere (no such folder), " PLUGINS
                   ": did you mean `dice`? (there is bce_with_logits, cross_entropy, dice, focal, "
                   "mse_iou)");
    assert_refused("zzzzzzzz", SCL_PLUGIN_ADAPTER, PLUGINS ": there is adaptformer, ");
    setenv(SCL_PLUGIN_PATH_VARIABLE, "/nowhere", 1);
    assert_refused("dice", SCL_PLUGIN_LOSS,
                   "no loss is named `dice` in /nowhere (no such folder): set SAMCL_PLUGIN_PATH to "
                   "the folder that has it, or write the path of its .so");
    unsetenv(SCL_PLUGIN_PATH_VARIABLE);
    assert_refused("dice", SCL_PLUGIN_LOSS, "no loss is named `dice` in any folder");
}

/* A broken file is not passed over for a sound one of the same name further on. */
static void the_first_file_of_a_name_counts(void **state)
{
    (void)state;
    char folder[] = "/tmp/samcl-test-XXXXXX", path[64], variable[512];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/dice.so", folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("no shared object", file);
    fclose(file);
    snprintf(variable, sizeof variable, "%s:%s", folder, PLUGINS);
    setenv(SCL_PLUGIN_PATH_VARIABLE, variable, 1);
    assert_refused("dice", SCL_PLUGIN_LOSS, path);
    scl_plugin_list list = {0};
    assert_ok(scl_plugins_list(&list, &test_error));
    assert_true(list.count > 7);
    assert_string_equal(list.items[0].file.path, path);
    for (size_t i = 1; i < list.count; i++)
        assert_string_not_equal(scl_path_base(list.items[i].file.path), "dice.so");
    assert_non_null(strstr(list.items[0].fault, "cannot be loaded"));
    scl_plugin_list_free(&list);
    unlink(path);
    rmdir(folder);
}

static void the_list_holds_sound_and_broken_files(void **state)
{
    (void)state;
    scl_plugin_list list = {0};
    assert_ok(scl_plugins_list(&list, &test_error));
    size_t sound = 0, ours = 0;
    for (size_t i = 0; i < list.count; i++) {
        const scl_plugin_listed *item = &list.items[i];
        sound += item->fault == NULL;
        assert_true((item->fault == NULL) == (item->file.handle != NULL));
        if (!scl_starts_with(item->file.path, PLUGINS "/"))
            continue;
        const scl_plugin *plugin = &item->file.facts.plugin;
        assert_int_equal(i, ours++);
        assert_true(i == 0 || strcmp(item[-1].file.facts.plugin.id, plugin->id) < 0);
        assert_string_equal(plugin->licence, "Apache-2.0");
        assert_true(plugin->param_count > 0 || strcmp(plugin->id, "mse_iou") == 0);
    }
    assert_true(ours > 7);
    assert_int_equal(list.count - ours, 39);
    assert_int_equal(sound - ours,
                     5); /* sound, version_1_0, faulty_loss, faulty_adapter, own_ops */
    scl_plugin_list_free(&list);
}

static void folders_come_once_and_in_order(void **state)
{
    (void)state;
    scl_plugin_folders folders = {0};
    setenv(SCL_PLUGIN_PATH_VARIABLE, ":" PLUGINS ":" PLUGINS ":", 1);
    assert_ok(scl_plugin_folders_find(&folders, &test_error));
    assert_true(folders.count >= 1);
    assert_string_equal(folders.items[0], PLUGINS);
    for (size_t i = 1; i < folders.count; i++)
        assert_string_not_equal(folders.items[i], PLUGINS);
    scl_plugin_folders_free(&folders);
}

static void failing_allocations_leave_nothing(void **state)
{
    (void)state;
    scl_status status = SCL_DEVICE;
    for (long n = 0; status != SCL_OK; n++) {
        scl_plugin_file file;
        scl_error err = {0};
        scl_alloc_fail_after(n);
        status = scl_plugin_open("lora", SCL_PLUGIN_ADAPTER, &file, &err);
        scl_alloc_fail_after(-1);
        if (status != SCL_OK && (status != SCL_DEVICE || strstr(err.text, "memory") == NULL))
            fail_msg("allocation %ld: %s: %s", n, scl_status_name(status), err.text);
        scl_plugin_close(&file);
    }
    status = SCL_DEVICE;
    for (long n = 0; status != SCL_OK; n++) {
        scl_plugin_list list = {0};
        scl_error err = {0};
        scl_alloc_fail_after(n);
        status = scl_plugins_list(&list, &err);
        scl_alloc_fail_after(-1);
        if (status != SCL_OK && (status != SCL_DEVICE || strstr(err.text, "memory") == NULL))
            fail_msg("allocation %ld: %s: %s", n, scl_status_name(status), err.text);
        scl_plugin_list_free(&list);
    }
}

static void the_library_tells_its_version(void **state)
{
    (void)state;
    assert_string_equal(scl_version(), SCL_VERSION);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(each_fault_has_its_sentence, search_both),
        cmocka_unit_test_setup(a_sound_plugin_opens_by_name_and_by_path, search_both),
        cmocka_unit_test_setup(a_plugin_of_version_1_0_opens, search_both),
        cmocka_unit_test_setup(a_path_may_differ_from_the_id, search_both),
        cmocka_unit_test_setup(an_unknown_name_lists_what_there_is, search_both),
        cmocka_unit_test_setup(the_first_file_of_a_name_counts, search_both),
        cmocka_unit_test_setup(the_list_holds_sound_and_broken_files, search_both),
        cmocka_unit_test_setup(folders_come_once_and_in_order, search_both),
        cmocka_unit_test_setup(failing_allocations_leave_nothing, search_both),
        cmocka_unit_test(the_library_tells_its_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
