/* A loss that takes the program down in the way its name, ID, says. */
#include <samcl/plugin.h>

#include <stdlib.h>
#include <string.h>

static volatile int zero;

static int is(const char *id)
{
    return strcmp(ID, id) == 0;
}

static int overflow(int depth)
{
    volatile char room[4096];
    room[0] = (char)depth;
    return depth > 1 << 30 ? 0 : overflow(depth + 1) + room[0];
}

static void go_wrong(void)
{
    if (is("crash_address"))
        *(volatile int *)(uintptr_t)(16 + (unsigned)zero) = 1;
    if (is("crash_abort"))
        abort();
    if (is("crash_division"))
        zero = 7 / zero;
    if (is("crash_stack"))
        zero = overflow(0);
    while (is("crash_loop") && zero == 0)
        ;
}

static scl_tensor *build(scl_builder *b, const void *params, const scl_loss_inputs *in)
{
    (void)params;
    go_wrong();
    return b->weighted_mean(b, in->logits, in->weight, 1, 3);
}

static const scl_loss_interface loss = {.struct_size = sizeof loss, .build = build};

static const scl_plugin plugin = {
    SCL_PLUGIN_HEAD,      .kind = SCL_PLUGIN_LOSS, .id = ID,          .version = "1.0",
    .summary = "crashes", .licence = "Apache-2.0", .interface = &loss};

__attribute__((constructor)) static void crash_when_loaded(void)
{
    if (is("crash_loaded"))
        abort();
}

const scl_plugin *scl_plugin_entry_v1(void)
{
    if (is("crash_entry"))
        abort();
    return &plugin;
}
