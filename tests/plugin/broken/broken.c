/* A sound loss but for one fault, which ID, its own name, says. */
#include <samcl/plugin.h>

#include <string.h>

typedef struct params {
    double first;
    int64_t second;
} params;

static scl_param table[] = {
    {"first", SCL_PARAM_FLOAT, offsetof(params, first), "1", 0, 2, NULL, "a number"},
    {"second", SCL_PARAM_INT, offsetof(params, second), "3", 0, 0, NULL, "another one"},
};

static scl_tensor *build(scl_builder *b, const void *values, const scl_loss_inputs *in)
{
    (void)values;
    return b->weighted_mean(b, in->logits, in->weight, 1, 3);
}

static int32_t wraps(const void *values, const scl_site *site)
{
    (void)values;
    (void)site;
    return 1;
}

static scl_tensor *attach(scl_builder *b, const void *values, const scl_site *site, scl_tensor *x,
                          scl_tensor *y)
{
    (void)values;
    (void)site;
    (void)x;
    return b->affine(b, y, 1, 0);
}

static scl_tensor *tokens(scl_builder *b, const void *values, const scl_site *site)
{
    (void)values;
    (void)site;
    return b->scalar(b, 0);
}

static scl_loss_interface loss = {.struct_size = sizeof loss, .build = build};
static scl_adapter_interface adapter = {.struct_size = sizeof adapter};

static scl_plugin plugin = {SCL_PLUGIN_HEAD,
                            .kind = SCL_PLUGIN_LOSS,
                            .id = ID,
                            .version = "1.0",
                            .summary = "broken on purpose",
                            .licence = "Apache-2.0",
                            .params_size = sizeof(params),
                            .params = table,
                            .param_count = 2,
                            .interface = &loss};

static int is(const char *id)
{
    return strcmp(ID, id) == 0;
}

static void break_head(void)
{
    if (is("other_major"))
        plugin.abi_major = 9, plugin.struct_size = 1000;
    if (is("newer_minor"))
        plugin.abi_minor++, plugin.struct_size += 8;
    if (is("short_head"))
        plugin.struct_size = 4;
    if (is("small_struct"))
        plugin.struct_size -= 8;
    if (is("large_struct"))
        plugin.struct_size += 8;
    if (is("other_pointer"))
        plugin.fingerprint.pointer_size = 4;
    if (is("other_param"))
        plugin.fingerprint.param_size = 40;
    if (is("other_builder"))
        plugin.fingerprint.builder_size += 8;
    if (is("version_1_0") || is("tiny_builder"))
        plugin.abi_minor = 0, plugin.fingerprint.builder_size = offsetof(scl_builder, training);
    if (is("tiny_builder"))
        plugin.fingerprint.builder_size -= 8;
}

static void break_words(void)
{
    if (is("unknown_kind"))
        plugin.kind = 7;
    if (is("bad_id"))
        plugin.id = "Bad-Id";
    if (is("null_id"))
        plugin.id = NULL;
    if (is("other_id"))
        plugin.id = "dice";
    if (is("no_version"))
        plugin.version = NULL;
    if (is("two_line_summary"))
        plugin.summary = "a\nb";
    if (is("no_licence"))
        plugin.licence = "";
}

static void break_table(void)
{
    if (is("no_table"))
        plugin.params = NULL;
    if (is("large_table"))
        plugin.param_count = UINT64_MAX;
    if (is("bad_offset"))
        table[1].offset = 12;
    if (is("bad_type"))
        table[1].type = 77;
    if (is("bad_default"))
        table[1].default_value = "many";
    if (is("same_key"))
        table[1].key = "first";
}

static void break_interface(void)
{
    if (is("no_interface"))
        plugin.interface = NULL;
    if (is("small_interface"))
        loss.struct_size = 8;
    if (is("no_build"))
        loss.build = NULL;
    if (is("idle_adapter") || is("no_attach") || is("unknown_site") || is("lost_tokens") ||
        is("version_1_0"))
        plugin.kind = SCL_PLUGIN_ADAPTER, plugin.interface = &adapter;
    if (is("no_attach") || is("unknown_site") || is("lost_tokens") || is("version_1_0"))
        adapter.wraps = wraps;
    if (is("unknown_site"))
        adapter.kinds = 1 << 20;
    if (is("lost_tokens"))
        adapter.tokens = tokens, adapter.kinds = 1 << SCL_SITE_BRANCH;
    if (is("version_1_0"))
        adapter.attach = attach, adapter.struct_size = offsetof(scl_adapter_interface, kinds);
}

#ifdef NO_SYMBOL
#define scl_plugin_entry_v1 some_function
const scl_plugin *some_function(void);
#endif
#ifdef UNRESOLVED
void a_function_that_is_nowhere(void);
#endif

const scl_plugin *scl_plugin_entry_v1(void)
{
#ifdef UNRESOLVED
    a_function_that_is_nowhere();
#endif
    static int broken;
    if (!broken) {
        break_head();
        break_words();
        break_table();
        break_interface();
    }
    broken = 1;
    return is("returns_null") ? NULL : &plugin;
}
