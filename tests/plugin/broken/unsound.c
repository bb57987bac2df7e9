/* Plugins that load and build, and break one promise: which, ID says. */
#include <samcl/plugin.h>

#include <signal.h>
#include <string.h>

static int is(const char *id)
{
    return strcmp(ID, id) == 0;
}

/* ------------------------------------------------------------------ an own op, x times 2 */

static const char kernel[] = "__kernel void twice(__global const float *x, __global float *y)\n"
                             "{\n"
                             "    int i = get_global_id(0);\n"
                             "    if (i < COUNT)\n"
                             "        y[i] = FACTOR * x[i];\n"
                             "}\n";

static void reference(const scl_own_values *v)
{
    const double *x = v->inputs[0];
    double *y = v->outputs[0];
    for (int64_t i = 0; i < v->ints[0]; i++)
        y[i] = 2 * x[i];
    if (is("crash_reference"))
        raise(SIGSEGV);
}

static void gradient(scl_builder *b, const scl_own_gradient *g)
{
    g->dx[0] = b->affine(b, g->dy[0], is("wrong_gradient") ? 3 : 2, 0);
}

static const scl_own_op op = {.struct_size = sizeof op,
                              .name = "twice",
                              .source = kernel,
                              .reference = reference,
                              .gradient = gradient};

static scl_tensor *twice(scl_builder *b, scl_tensor *x)
{
    const int64_t count = b->dim(b, x, 0) * b->dim(b, x, 2) * b->dim(b, x, 3);
    scl_own_output y = {SCL_VALUE_FLOAT32, 4, {0}};
    for (int32_t i = 0; i < 4; i++)
        y.dims[i] = b->dim(b, x, i);
    const scl_own_int ints[] = {{"COUNT", count}};
    const scl_own_float floats[] = {{"FACTOR", is("wrong_kernel") ? 2.01 : 2}};
    const scl_own_launch launch = {"twice", count, 0};
    const scl_own_call call = {.struct_size = sizeof call,
                               .input_count = 1,
                               .inputs = &x,
                               .output_count = 1,
                               .outputs = &y,
                               .int_count = 1,
                               .ints = ints,
                               .float_count = 1,
                               .floats = floats,
                               .launch_count = 1,
                               .launches = &launch};
    return b->own(b, &op, &call, NULL);
}

/* ------------------------------------------------------------------ a loss */

static scl_tensor *build(scl_builder *b, const void *params, const scl_loss_inputs *in)
{
    static int built;
    (void)params;
    if (in->task == SCL_TASK_MULTICLASS)
        return b->fail(b, "write another loss");
    if (is("forgets_weight"))
        return b->mean(b, b->softplus(b, in->logits), 1, 3);
    scl_tensor *x = twice(b, in->logits);
    if (is("keeps_count"))
        x = b->affine(b, x, (float)++built, 0);
    if (is("overflows"))
        x = b->log(b, b->sigmoid(b, x));
    return b->weighted_mean(b, x, in->weight, 1, 3);
}

static const scl_loss_interface loss = {.struct_size = sizeof loss, .build = build};

/* ------------------------------------------------------------------ an adapter */

static int32_t wraps(const void *params, const scl_site *site)
{
    (void)params;
    return scl_pattern_matches("image_encoder.blocks.*.mlp.lin1", site->name);
}

static scl_tensor *scale_of(scl_builder *b, const scl_site *site)
{
    return b->param(b, "scale", 1, &site->out_features, (scl_init){SCL_INIT_ONES, 0});
}

static scl_tensor *attach(scl_builder *b, const void *params, const scl_site *site, scl_tensor *x,
                          scl_tensor *y)
{
    (void)params;
    (void)x;
    scl_tensor *scaled = b->mul(b, y, scale_of(b, site));
    if (is("overflows_layer"))
        return b->log(b, b->exp(b, scaled));
    return is("mixes_rows") ? b->add(b, scaled, b->mean(b, y, 1, 1)) : scaled;
}

/* Forgets the bias. */
static void merge(scl_builder *b, const void *params, const scl_site *site, scl_tensor **weight,
                  scl_tensor **bias)
{
    (void)params;
    (void)bias;
    const int64_t rows[] = {site->out_features, 1};
    *weight = b->mul(b, *weight, b->reshape(b, scale_of(b, site), 2, rows));
}

static const scl_adapter_interface attaching = {
    .struct_size = sizeof attaching, .wraps = wraps, .attach = attach};
static const scl_adapter_interface merging = {
    .struct_size = sizeof merging, .wraps = wraps, .attach = attach, .merge = merge};

static scl_plugin plugin = {
    SCL_PLUGIN_HEAD,   .kind = SCL_PLUGIN_LOSS,       .id = ID,
    .version = "1.0",  .summary = "breaks a promise", .licence = "Apache-2.0",
    .interface = &loss};

const scl_plugin *scl_plugin_entry_v1(void)
{
    const int attaches = is("mixes_rows") || is("overflows_layer");
    if (attaches || is("half_merge")) {
        plugin.kind = SCL_PLUGIN_ADAPTER;
        plugin.interface = attaches ? &attaching : &merging;
    }
    return &plugin;
}
