/* bitfit — only biases are trained (Ben Zaken et al., arXiv 2106.10199). The relative positions of
 * attention, which are no biases of layers, stay. */
#include <samcl/plugin.h>

typedef struct bitfit_params {
    scl_param_strings parameters;
} bitfit_params;

static const scl_param table[] = {
    {"parameters", SCL_PARAM_STRINGS, offsetof(bitfit_params, parameters),
     "[\"image_encoder.*.bias\"]", 0, 0, NULL,
     "names of the biases that are trained, with * and ?"},
};

static int32_t trains(const void *params, const char *parameter_name)
{
    const bitfit_params *p = params;
    return scl_patterns_match(&p->parameters, parameter_name);
}

static const scl_adapter_interface adapter = {.struct_size = sizeof adapter, .trains = trains};

static const scl_plugin plugin = {SCL_PLUGIN_HEAD,
                                  .kind = SCL_PLUGIN_ADAPTER,
                                  .id = "bitfit",
                                  .version = "1.0",
                                  .summary = "trains the biases of the model's layers",
                                  .licence = "Apache-2.0",
                                  .params_size = sizeof(bitfit_params),
                                  .params = table,
                                  .param_count = sizeof table / sizeof table[0],
                                  .interface = &adapter};

const scl_plugin *scl_plugin_entry_v1(void)
{
    return &plugin;
}
