/* What is kept of frozen layers may be used again only if nothing it depends on has changed: each
 * such thing must give another key. */
#include "support.h"

#include "graph/ops.h"
#include "graph/prefix.h"
#include "registry.h"
#include "step/stepper.h"

typedef enum variant {
    PLAIN,
    SWAPPED,       /* a - b for b - a */
    OTHER_SOURCE,  /* the last layer reads a in place of the difference */
    EXCHANGED,     /* the two layers take each other's weights */
    OTHER_CROSSES, /* a leaves the prefix, too */
    OTHER_SCALE,
    OTHER_CONSTANT,
    WIDER,
    VARIANTS
} variant;

static scl_tensor *layer(scl_graph *g, const char *name, scl_tensor *x, int64_t out, bool trained)
{
    scl_init init = {SCL_INIT_UNIFORM, 0.5f};
    int64_t in = x != NULL ? x->shape.dim[1] : 1;
    return scl_linear(g, x, scl_parameter(g, name, SCL_SHAPE(out, in), init, trained), NULL, 1);
}

/* Two frozen layers side by side, their difference, a third one, and a trained head. */
static scl_hash128 signature_of(variant v)
{
    scl_graph *g = scl_graph_create(&test_error);
    scl_split split;
    scl_tensor *image = scl_input(g, "image", SCL_F32, SCL_SHAPE(4, v == WIDER ? 6 : 8));
    scl_tensor *a = layer(g, v == EXCHANGED ? "second" : "first", image, 8, false);
    scl_tensor *b = layer(g, v == EXCHANGED ? "first" : "second", image, 8, false);
    scl_tensor *difference = v == SWAPPED ? scl_sub(g, b, a) : scl_sub(g, a, b);
    difference = scl_affine(g, difference, v == OTHER_SCALE ? 3 : 2, 0);
    const float shift[1] = {v == OTHER_CONSTANT ? 0.25f : 0.5f};
    difference = scl_add(g, difference, scl_constant(g, shift, SCL_SHAPE(1, 1)));
    scl_tensor *third = layer(g, "third", difference, 8, false);
    if (v == OTHER_SOURCE)
        third->producer->inputs[0] = a;
    scl_tensor *head = layer(g, "head", third, 8, true);
    if (v == OTHER_CROSSES)
        scl_mul(g, head, a);
    assert_ok(scl_graph_split(g, image, NULL, &split, &test_error));
    scl_hash128 signature = split.signature;
    scl_split_free(&split);
    scl_graph_free(g);
    return signature;
}

static bool same(scl_hash128 a, scl_hash128 b)
{
    return a.low == b.low && a.high == b.high;
}

static void graphs_that_differ_have_other_signatures(void **state)
{
    (void)state;
    scl_hash128 signatures[VARIANTS];
    for (int v = 0; v < VARIANTS; v++) {
        signatures[v] = signature_of((variant)v);
        assert_true(same(signatures[v], signature_of((variant)v)));
        for (int u = 0; u < v; u++)
            if (same(signatures[v], signatures[u]))
                fail_msg("graphs %d and %d have one signature", u, v);
    }
}

static scl_hash128 key_on(const scl_device *device)
{
    return scl_frozen_key("1.0", device, (scl_hash128){1, 2}, (scl_hash128){3, 4});
}

static void all_a_key_is_made_of_changes_it(void **state)
{
    (void)state;
    scl_device *device;
    assert_ok(scl_device_open("reference", &device, &test_error));
    const scl_hash128 key = key_on(device), graph = {1, 2}, weights = {3, 4};
    assert_true(same(key, key_on(device)));
    assert_false(same(key, scl_frozen_key("1.1", device, graph, weights)));
    assert_false(same(key, scl_frozen_key("1.0", device, (scl_hash128){1, 3}, weights)));
    assert_false(same(key, scl_frozen_key("1.0", device, graph, (scl_hash128){3, 5})));
    scl_device_info *info = &device->info;
    char *texts[] = {info->name,   info->vendor,  info->platform,
                     info->driver, info->version, info->runtime};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        texts[i][0] ^= 1;
        assert_false(same(key, key_on(device)));
        texts[i][0] ^= 1;
    }
    info->code.low ^= 1;
    assert_false(same(key, key_on(device)));
    info->code.low ^= 1;
    assert_true(same(key, key_on(device)));
    scl_device_close(device);
}

static void kernels_and_tuning_are_in_a_devices_identity(void **state)
{
    (void)state;
    scl_device *device, *generic;
    static scl_device_info info;
    if (scl_devices_list(&info, 1) == 0)
        skip();
    assert_ok(scl_device_open("opencl:0+width4", &device, &test_error));
    assert_ok(scl_device_open("opencl:0+generic", &generic, &test_error));
    assert_true(device->info.code.low != 0);
    assert_true(strcmp(device->info.version, "?") != 0 && device->info.runtime[0] == 'O');
    bool differ = !same(scl_device_identity(device), scl_device_identity(generic));
    assert_int_equal(differ, device->info.is_cpu); /* a GPU has the generic kernels either way */
    scl_device_close(device);
    scl_device_close(generic);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(graphs_that_differ_have_other_signatures),
        cmocka_unit_test(all_a_key_is_made_of_changes_it),
        cmocka_unit_test(kernels_and_tuning_are_in_a_devices_identity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
