/* A loss with an own op, SCALE x^2 by two kernels, which goes wrong as its parameter asks for. */
#include <samcl/plugin.h>

#include <string.h>

typedef struct params {
    int32_t how;
} params;

enum {
    NOTHING,
    NO_SIZE,
    NO_CALL_SIZE,
    BAD_NAME,
    NO_SOURCE,
    NO_REFERENCE,
    NO_INPUTS,
    MANY_OUTPUTS,
    BAD_SHAPE,
    BAD_TYPE,
    BAD_NUMBER,
    TAKEN_NUMBER,
    NO_LAUNCH,
    NO_KERNEL_NAME,
    NO_ITEMS,
    LESS_WORKSPACE,
    OLD_INPUT,
    NULL_INPUT,
    MISSING_KERNEL,
    NO_COMPILE,
    OTHER_ARGUMENTS,
    BIG_GROUP,
    GRADIENT_SHAPE,
    GRADIENT_PARAM,
    GRADIENT_FAILS,
    NO_GRADIENT
};

static const char *const faults[] = {"nothing",        "no_size",        "no_call_size",
                                     "bad_name",       "no_source",      "no_reference",
                                     "no_inputs",      "many_outputs",   "bad_shape",
                                     "bad_type",       "bad_number",     "taken_number",
                                     "no_launch",      "no_kernel_name", "no_items",
                                     "less_workspace", "old_input",      "null_input",
                                     "missing_kernel", "no_compile",     "other_arguments",
                                     "big_group",      "gradient_shape", "gradient_param",
                                     "gradient_fails", "no_gradient",    NULL};

static const scl_param table[] = {
    {"how", SCL_PARAM_CHOICE, offsetof(params, how), "nothing", 0, 0, faults, "what goes wrong"},
};

#define ARGUMENTS "(__global const float *x, __global float *y, __global int *positive, "
static const char source[] = "__kernel void squares" ARGUMENTS "__global float *work)\n"
                             "{\n"
                             "    int i = get_global_id(0);\n"
                             "    if (i < COUNT)\n"
                             "        work[i] = x[i] * x[i];\n"
                             "}\n"
                             "__kernel void scaled" ARGUMENTS "__global float *work)\n"
                             "{\n"
                             "    for (int i = get_global_id(0); i < COUNT; i += ITEMS) {\n"
                             "        y[i] = SCALE * work[i];\n"
                             "        positive[i] = x[i] > 0;\n"
                             "    }\n"
                             "}\n";
static const char back_source[] =
    "__kernel void slope(__global const float *x, __global const float *dy, __global float *dx)\n"
    "{\n"
    "    if (get_global_id(0) < COUNT)\n"
    "        dx[get_global_id(0)] = 2 * SCALE * x[get_global_id(0)] * dy[get_global_id(0)];\n"
    "}\n";

static void square(const scl_own_values *v)
{
    const double *x = v->inputs[0];
    double *y = v->outputs[0];
    int32_t *positive = v->outputs[1];
    for (int64_t i = 0; i < v->ints[0]; i++) {
        y[i] = v->floats[0] * x[i] * x[i];
        positive[i] = x[i] > 0;
    }
}

static void slope(const scl_own_values *v)
{
    const double *x = v->inputs[0], *dy = v->inputs[1];
    double *dx = v->outputs[0];
    for (int64_t i = 0; i < v->ints[0]; i++)
        dx[i] = 2 * v->floats[0] * x[i] * dy[i];
}

static const scl_own_op back = {
    .struct_size = sizeof back, .name = "slope", .source = back_source, .reference = slope};

static scl_own_output like(scl_builder *b, const scl_tensor *x, uint32_t type)
{
    scl_own_output output = {.type = type, .ndim = b->ndim(b, x)};
    for (int32_t i = 0; i < output.ndim; i++)
        output.dims[i] = b->dim(b, x, i);
    return output;
}

static void gradient(scl_builder *b, const scl_own_gradient *g)
{
    const scl_own_output dx = like(b, g->inputs[0], SCL_VALUE_FLOAT32);
    const scl_own_launch launch = {"slope", g->ints[0], 0};
    const scl_own_call call = {.struct_size = sizeof call,
                               .input_count = 2,
                               .output_count = 1,
                               .int_count = 1,
                               .float_count = 1,
                               .launch_count = 1,
                               .inputs = (scl_tensor *const[]){g->inputs[0], g->dy[0]},
                               .outputs = &dx,
                               .ints = &(const scl_own_int){"COUNT", g->ints[0]},
                               .floats = &(const scl_own_float){"SCALE", g->floats[0]},
                               .launches = &launch};
    if (g->wanted[0])
        g->dx[0] = b->own(b, &back, &call, NULL);
}

static void gradient_of_other_shape(scl_builder *b, const scl_own_gradient *g)
{
    g->dx[0] = b->scalar(b, 1);
    (void)g;
}

static void gradient_with_param(scl_builder *b, const scl_own_gradient *g)
{
    g->dx[0] = b->param(b, "p", 1, (const int64_t[]){1}, (scl_init){SCL_INIT_ONES, 0});
}

static void gradient_that_fails(scl_builder *b, const scl_own_gradient *g)
{
    (void)g;
    b->fail(b, "it cannot be differentiated");
}

static void break_op(int how, scl_own_op *op)
{
    op->struct_size = how == NO_SIZE ? 8 : (uint32_t)sizeof *op;
    op->name = how == BAD_NAME ? "no name" : "square";
    op->source = how == NO_SOURCE ? NULL
                 : how == NO_COMPILE
                     ? "__kernel void squares(__global float *x)\n{\n    y = 1;\n}\n"
                     : source;
    op->reference = how == NO_REFERENCE ? NULL : square;
    op->gradient = how == GRADIENT_SHAPE   ? gradient_of_other_shape
                   : how == GRADIENT_PARAM ? gradient_with_param
                   : how == GRADIENT_FAILS ? gradient_that_fails
                   : how == NO_GRADIENT    ? NULL
                                           : gradient;
}

static scl_tensor *kept;

static scl_tensor *use(scl_builder *b, int how, scl_tensor *x)
{
    int64_t count = 1;
    for (int32_t i = 0; i < b->ndim(b, x); i++)
        count *= b->dim(b, x, i);
    if (kept == NULL)
        kept = x;
    const scl_own_int ints[] = {{how == TAKEN_NUMBER ? "IS_CPU" : "COUNT", count}, {"ITEMS", 3}};
    const scl_own_float floats[] = {{how == BAD_NUMBER ? "a b" : "SCALE", 1.5}};
    scl_own_output outputs[] = {like(b, x, SCL_VALUE_FLOAT32),
                                like(b, x, how == BAD_TYPE ? 7 : SCL_VALUE_INT32)};
    outputs[0].dims[1] = how == BAD_SHAPE ? -1 : outputs[0].dims[1];
    const scl_own_launch launches[] = {
        {how == MISSING_KERNEL ? "absent" : "squares", how == NO_ITEMS ? 0 : count, 0},
        {how == NO_KERNEL_NAME ? NULL : "scaled", 3, how == BIG_GROUP ? 2000 : 0}};
    scl_tensor *input = how == OLD_INPUT ? kept : how == NULL_INPUT ? NULL : x;
    scl_own_call call = {.struct_size = how == NO_CALL_SIZE ? 0 : (uint32_t)sizeof call,
                         .input_count = how != NO_INPUTS,
                         .output_count = how == MANY_OUTPUTS ? 9 : 2,
                         .int_count = 2,
                         .float_count = 1,
                         .launch_count = how == NO_LAUNCH ? 0 : 2,
                         .inputs = &input,
                         .outputs = outputs,
                         .ints = ints,
                         .floats = floats,
                         .launches = launches,
                         .workspace = how == LESS_WORKSPACE    ? -1
                                      : how == OTHER_ARGUMENTS ? 0
                                                               : count};
    scl_own_op op = {0};
    break_op(how, &op);
    return b->own(b, &op, &call, NULL);
}

static scl_tensor *build(scl_builder *b, const void *values, const scl_loss_inputs *in)
{
    scl_tensor *y = use(b, ((const params *)values)->how, in->logits);
    return b->sum(b, y, 1, 3);
}

static const scl_loss_interface loss = {.struct_size = sizeof loss, .build = build};

static const scl_plugin plugin = {SCL_PLUGIN_HEAD,
                                  .kind = SCL_PLUGIN_LOSS,
                                  .id = "own_ops",
                                  .version = "1.0",
                                  .summary = "an own op that goes wrong on request",
                                  .licence = "Apache-2.0",
                                  .params_size = sizeof(params),
                                  .params = table,
                                  .param_count = 1,
                                  .interface = &loss};

const scl_plugin *scl_plugin_entry_v1(void)
{
    return &plugin;
}
