#include "plugin/check.h"

#include "config/schema.h"

#include <inttypes.h>
#include <string.h>

#define MAX_ID 64

/* What version 1.0 had. Later fields are checked for by their value. */
#define HEAD_BYTES    (offsetof(scl_plugin, abi_minor) + sizeof(uint16_t))
#define PLUGIN_BYTES  (offsetof(scl_plugin, interface) + sizeof(void *))
#define LOSS_BYTES    (offsetof(scl_loss_interface, build) + sizeof(void (*)(void)))
#define ADAPTER_BYTES (offsetof(scl_adapter_interface, attach) + sizeof(void (*)(void)))
#define BUILDER_BYTES (offsetof(scl_builder, stop_gradient) + sizeof(void (*)(void)))

#define REBUILD "rebuild it with the samcl/plugin.h of this samcl"

const char *scl_plugin_kind_name(uint32_t kind)
{
    switch (kind) {
    case SCL_PLUGIN_LOSS:
        return "loss";
    case SCL_PLUGIN_ADAPTER:
        return "adapter";
    default:
        return "plugin";
    }
}

/* The size a struct of the plugin's says it has. Equal versions have equal sizes; an older one may
 * be smaller, but not smaller than it was in version 1.0. */
static scl_status check_size(const scl_plugin *found, const char *what, uint64_t size,
                             uint64_t first, uint64_t ours, scl_error *err)
{
    bool older = found->abi_minor != SCL_PLUGIN_ABI_MINOR; /* a newer one was refused */
    if (size == ours || (older && size >= first && size < ours))
        return SCL_OK;
    return scl_fail(err, SCL_PLUGIN,
                    "its %s is %" PRIu64 " bytes, expected %" PRIu64 " for ABI %d.%d: " REBUILD,
                    what, size, ours, found->abi_major, found->abi_minor);
}

static scl_status check_version(const scl_plugin *found, scl_error *err)
{
    if (found->struct_size < HEAD_BYTES)
        return scl_fail(err, SCL_PLUGIN,
                        "its descriptor says it has %" PRIu32 " bytes, too few to hold the ABI "
                        "version: begin it with SCL_PLUGIN_HEAD",
                        found->struct_size);
    if (found->abi_major != SCL_PLUGIN_ABI_MAJOR)
        return scl_fail(
            err, SCL_PLUGIN, "it was built for plugin ABI %d.%d, this samcl has %d.%d: " REBUILD,
            found->abi_major, found->abi_minor, SCL_PLUGIN_ABI_MAJOR, SCL_PLUGIN_ABI_MINOR);
    if (found->abi_minor > SCL_PLUGIN_ABI_MINOR)
        return scl_fail(err, SCL_PLUGIN,
                        "it was built for plugin ABI %d.%d, newer than this samcl's %d.%d: update "
                        "samcl, or " REBUILD,
                        found->abi_major, found->abi_minor, SCL_PLUGIN_ABI_MAJOR,
                        SCL_PLUGIN_ABI_MINOR);
    return check_size(found, "descriptor", found->struct_size, PLUGIN_BYTES, sizeof(scl_plugin),
                      err);
}

static scl_status check_fingerprint(const scl_plugin *found, scl_error *err)
{
    const scl_plugin_fingerprint *f = &found->fingerprint;
    SCL_TRY(check_size(found, "fingerprint.pointer_size", f->pointer_size, sizeof(void *),
                       sizeof(void *), err));
    SCL_TRY(check_size(found, "fingerprint.param_size", f->param_size, sizeof(scl_param),
                       sizeof(scl_param), err));
    return check_size(found, "fingerprint.builder_size", f->builder_size, BUILDER_BYTES,
                      sizeof(scl_builder), err);
}

static scl_status check_kind(const scl_plugin *plugin, uint32_t wanted, scl_error *err)
{
    if (plugin->kind != SCL_PLUGIN_LOSS && plugin->kind != SCL_PLUGIN_ADAPTER)
        return scl_fail(err, SCL_PLUGIN,
                        "its kind is %" PRIu32 ", expected %d (loss) or %d "
                        "(adapter)",
                        plugin->kind, SCL_PLUGIN_LOSS, SCL_PLUGIN_ADAPTER);
    if (wanted != SCL_PLUGIN_ANY && plugin->kind != wanted)
        return scl_fail(err, SCL_PLUGIN,
                        "it is of kind %s, expected %s: use it in `%s` of the run "
                        "file",
                        scl_plugin_kind_name(plugin->kind), scl_plugin_kind_name(wanted),
                        plugin->kind == SCL_PLUGIN_LOSS ? "losses" : "adapter");
    return SCL_OK;
}

bool scl_plugin_is_id(const char *id)
{
    bool right = id != NULL && id[0] >= 'a' && id[0] <= 'z' && strlen(id) <= MAX_ID;
    for (const char *p = id; right && *p != '\0'; p++)
        right = (*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9') || *p == '_';
    return right;
}

static scl_status check_id(const scl_plugin *plugin, const char *name, scl_error *err)
{
    if (!scl_plugin_is_id(plugin->id))
        return scl_fail(err, SCL_PLUGIN, "its id must be " SCL_PLUGIN_ID_RULE ", found `%.80s`",
                        plugin->id != NULL ? plugin->id : "");
    if (name != NULL && strcmp(plugin->id, name) != 0)
        return scl_fail(err, SCL_PLUGIN,
                        "its id is `%s`, expected `%s` as its file is named: name "
                        "the file %s.so",
                        plugin->id, name, plugin->id);
    return SCL_OK;
}

static scl_status check_words(const scl_plugin *plugin, scl_error *err)
{
    const struct {
        const char *what, *text;
    } words[] = {
        {"version", plugin->version}, {"summary", plugin->summary}, {"licence", plugin->licence}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (words[i].text == NULL || words[i].text[0] == '\0' ||
            strchr(words[i].text, '\n') != NULL)
            return scl_fail(err, SCL_PLUGIN, "its %s must be one line of text", words[i].what);
    return SCL_OK;
}

static scl_status check_loss(const scl_plugin *plugin, scl_plugin_facts *facts, scl_error *err)
{
    const scl_loss_interface *loss = plugin->interface;
    SCL_TRY(
        check_size(plugin, "scl_loss_interface", loss->struct_size, LOSS_BYTES, sizeof *loss, err));
    memcpy(&facts->loss, loss, loss->struct_size);
    if (facts->loss.build == NULL)
        return scl_fail(err, SCL_PLUGIN, "its interface has no function `build`");
    return SCL_OK;
}

/* Blocks may get tokens; all else that is wrapped needs attach. */
static scl_status check_kinds(const scl_adapter_interface *adapter, scl_error *err)
{
    const uint32_t block = 1U << SCL_SITE_BLOCK, all = 2 * block - 1;
    if ((adapter->kinds & ~all) != 0)
        return scl_fail(err, SCL_PLUGIN,
                        "its kinds are %#" PRIx32 ", expected the sum of some 1 << scl_site_kind, "
                        "at most %#" PRIx32,
                        adapter->kinds, all);
    if (adapter->tokens != NULL && (adapter->kinds & block) == 0)
        return scl_fail(err, SCL_PLUGIN,
                        "its interface has a function `tokens` but its kinds lack SCL_SITE_BLOCK");
    bool only_tokens = adapter->tokens != NULL && adapter->kinds == block;
    if (adapter->wraps != NULL && adapter->attach == NULL && !only_tokens)
        return scl_fail(err, SCL_PLUGIN,
                        "its interface has a function `wraps` but no function `attach`");
    return SCL_OK;
}

static scl_status check_adapter(const scl_plugin *plugin, scl_plugin_facts *facts, scl_error *err)
{
    const scl_adapter_interface *adapter = plugin->interface;
    SCL_TRY(check_size(plugin, "scl_adapter_interface", adapter->struct_size, ADAPTER_BYTES,
                       sizeof *adapter, err));
    memcpy(&facts->adapter, adapter, adapter->struct_size);
    if (facts->adapter.trains == NULL && facts->adapter.wraps == NULL)
        return scl_fail(err, SCL_PLUGIN,
                        "its interface has neither a function `trains` nor `wraps`");
    return check_kinds(&facts->adapter, err);
}

/* As a size_t; what does not fit is too large in any case. */
static size_t clamped(uint64_t value)
{
    return value < UINT32_MAX ? (size_t)value : UINT32_MAX;
}

scl_status scl_plugin_check(const scl_plugin *found, uint32_t kind, const char *name,
                            scl_plugin_facts *facts, scl_error *err)
{
    *facts = (scl_plugin_facts){0};
    if (found == NULL)
        return scl_fail(err, SCL_PLUGIN,
                        SCL_PLUGIN_ENTRY_NAME " returned NULL instead of a "
                                              "descriptor");
    SCL_TRY(check_version(found, err));
    SCL_TRY(check_fingerprint(found, err));
    memcpy(&facts->plugin, found, found->struct_size);
    const scl_plugin *plugin = &facts->plugin;
    SCL_TRY(check_kind(plugin, kind, err));
    SCL_TRY(check_id(plugin, name, err));
    SCL_TRY(check_words(plugin, err));
    SCL_TRY(scl_schema_check_table(plugin->params, clamped(plugin->param_count),
                                   clamped(plugin->params_size), err));
    if (plugin->interface == NULL)
        return scl_fail(err, SCL_PLUGIN, "its interface is missing");
    return plugin->kind == SCL_PLUGIN_LOSS ? check_loss(plugin, facts, err)
                                           : check_adapter(plugin, facts, err);
}
