/* plugin_driver loss|adapter USE — opens the plugin as a run would, and says which one it is. */
#include "plugin/host.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    scl_plugin_file file = {0};
    scl_error err = {0};
    if (argc != 3) {
        fprintf(stderr, "usage: plugin_driver loss|adapter USE\n");
        return SCL_BAD_CONFIG;
    }
    bool loss = strcmp(argv[1], "loss") == 0;
    scl_status status =
        scl_plugin_open(argv[2], loss ? SCL_PLUGIN_LOSS : SCL_PLUGIN_ADAPTER, &file, &err);
    if (status != SCL_OK)
        fprintf(stderr, "%s\n", err.text);
    else
        printf("%s %s\n", file.facts.plugin.id, file.path);
    scl_plugin_close(&file);
    return (int)status;
}
