/* norm_tuning — only layer norms are trained, weight and bias (LN-Tune, Basu et al., arXiv
 * 2304.01917; norm_fit of AutoGluon). */
#include <samcl/plugin.h>

typedef struct norm_tuning_params {
    scl_param_strings parameters;
} norm_tuning_params;

static const scl_param table[] = {
    {"parameters", SCL_PARAM_STRINGS, offsetof(norm_tuning_params, parameters),
     "[\"image_encoder.blocks.*.norm?.*\", \"image_encoder.neck.1.*\", \"image_encoder.neck.3.*\"]",
     0, 0, NULL, "names of the layer norms' parameters that are trained, with * and ?"},
};

static int32_t trains(const void *params, const char *parameter_name)
{
    const norm_tuning_params *p = params;
    return scl_patterns_match(&p->parameters, parameter_name);
}

static const scl_adapter_interface adapter = {.struct_size = sizeof adapter, .trains = trains};

static const scl_plugin plugin = {SCL_PLUGIN_HEAD,
                                  .kind = SCL_PLUGIN_ADAPTER,
                                  .id = "norm_tuning",
                                  .version = "1.0",
                                  .summary =
                                      "trains the weights and biases of the model's layer norms",
                                  .licence = "Apache-2.0",
                                  .params_size = sizeof(norm_tuning_params),
                                  .params = table,
                                  .param_count = sizeof table / sizeof table[0],
                                  .interface = &adapter};

const scl_plugin *scl_plugin_entry_v1(void)
{
    return &plugin;
}
