/* full — plain fine-tuning: parameters of the model are trained as they are, and nothing is added.
 */
#include <samcl/plugin.h>

typedef struct full_params {
    scl_param_strings parameters;
} full_params;

static const scl_param table[] = {
    {"parameters", SCL_PARAM_STRINGS, offsetof(full_params, parameters), "[\"*\"]", 0, 0, NULL,
     "names of the parameters that are trained, with * and ?"},
};

static int32_t trains(const void *params, const char *parameter_name)
{
    const full_params *p = params;
    return scl_patterns_match(&p->parameters, parameter_name);
}

static const scl_adapter_interface adapter = {.struct_size = sizeof adapter, .trains = trains};

static const scl_plugin plugin = {SCL_PLUGIN_HEAD,
                                  .kind = SCL_PLUGIN_ADAPTER,
                                  .id = "full",
                                  .version = "1.0",
                                  .summary = "trains the model's own parameters, all or some",
                                  .licence = "Apache-2.0",
                                  .params_size = sizeof(full_params),
                                  .params = table,
                                  .param_count = sizeof table / sizeof table[0],
                                  .interface = &adapter};

const scl_plugin *scl_plugin_entry_v1(void)
{
    return &plugin;
}
