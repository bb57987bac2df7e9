/* Each parameter is updated by the settings of its group, whichever ones are updated with it. */
#include "fixture.h"

#include "graph/compiled.h"
#include "registry.h"
#include "step/optimizer.h"

#include <math.h>

enum { PARAMS = 21 };

static double betas[] = {0.9, 0.999};
static scl_param_group_config groups[] = {
    {.match = "*.bias", .lr = NAN, .lr_scale = NAN, .weight_decay = 0},
    {.match = "slow.*", .lr = NAN, .lr_scale = 0.1, .weight_decay = NAN},
};
static const scl_train_config train = {.optimizer = {.type = SCL_OPTIMIZER_ADAMW,
                                                     .lr = 0.01,
                                                     .weight_decay = 0.5,
                                                     .betas = {.items = betas, .count = 2},
                                                     .eps = 1e-8,
                                                     .momentum = NAN},
                                       .param_groups = {.items = groups, .count = 2}};

static int64_t size_of(int i)
{
    return i % 5 == 0 ? 5000 : 3 + i;
}

static scl_tensor *param_named(scl_graph *g, int i)
{
    const char *const parts[] = {"fast", "slow"}, *const kinds[] = {"weight", "bias", "weight"};
    char name[32];
    snprintf(name, sizeof name, "%s.%d.%s", parts[i % 2], i, kinds[i % 3]);
    return scl_parameter(g, name, SCL_SHAPE(size_of(i)), (scl_init){SCL_INIT_ONES, 0}, true);
}

/* The first update by Adam is the learning rate, against the gradient's sign; decay shrinks the
 * parameter, which was 1, before. */
static double expected_after(int i)
{
    double lr = i % 2 == 1 && i % 3 != 1 ? 0.001 : 0.01, decay = i % 3 == 1 ? 0 : 0.5;
    return 1 - lr * decay - (i % 4 == 0 ? -lr : lr);
}

static void check_param(const scl_store *store, const scl_tensor *param, int i)
{
    float values[5000];
    assert_ok(scl_store_read(store, scl_store_find(store, param->name), values, &test_error));
    for (int64_t k = 0; k < size_of(i); k++)
        if (!(fabs((double)values[k] - expected_after(i)) < 1e-6))
            fail_msg("%s[%d] is %g, expected %g", param->name, (int)k, (double)values[k],
                     expected_after(i));
}

static void check(const char *device_name)
{
    scl_device *device = NULL;
    scl_store *store = NULL;
    scl_compiled c = {0};
    scl_optimizer_nodes nodes = {0};
    scl_tensor *params[PARAMS], *grads[PARAMS];
    float hyper[4], norm = 0;
    double squares = 0;
    assert_ok(scl_device_open(device_name, &device, &test_error));
    assert_ok(scl_store_create(device, 1, &store, &test_error));
    scl_graph *g = scl_graph_create(&test_error);
    for (int i = 0; i < PARAMS; i++) {
        float slope = (float)(i % 4 == 0 ? -1 - i : 1 + i);
        params[i] = param_named(g, i);
        grads[i] = scl_broadcast(g, scl_scalar(g, slope), params[i]->shape);
        squares += (double)size_of(i) * (double)slope * (double)slope;
    }
    assert_ok(scl_optimizer_build(g, &train, params, grads, PARAMS, &nodes, &test_error));
    assert_true(g->node_count < 2 * PARAMS);
    assert_ok(scl_compile(g, NULL, 0, store, &c, &test_error));
    scl_optimizer_hyper(&train.optimizer, 1, 0, 1, hyper);
    assert_ok(scl_schedule_write(c.schedule, nodes.hyper, 0, hyper, 4, &test_error));
    assert_ok(scl_schedule_run(c.schedule, 0, c.plan->node_count, &test_error));
    assert_ok(scl_schedule_read(c.schedule, nodes.grad_norm, 0, &norm, 1, &test_error));
    assert_true(fabs((double)norm / sqrt(squares) - 1) < 1e-6);
    for (int i = 0; i < PARAMS; i++)
        check_param(store, params[i], i);
    scl_compiled_free(&c);
    scl_store_free(store);
    scl_device_close(device);
}

static void each_parameter_follows_its_group(void **state)
{
    (void)state;
    check("reference");
    check(test_device_name());
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_parameter_follows_its_group)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
