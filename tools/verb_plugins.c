#include "cli.h"
static scl_status run(const cli_args *args, scl_error *err)
{
    (void)args;
    return scl_fail(err, SCL_FAILED, "not yet");
}
const cli_verb verb_plugins = {.name = "plugins", .summary = "", .usage = "", .run = run};
