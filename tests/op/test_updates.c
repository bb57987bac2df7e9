/* Ops that change their inputs or have many: OpenCL against the double reference between guards, at
 * lengths around a vector and around the stretch of a work-item. */
#include "op/pair.h"

#include "graph/ops.h"

enum { MOST_INPUTS = 12 };

typedef struct update {
    const char *name;
    /* x[i]: float32 tensors of length_of(i, n) values; `hyper` and `scale` have 4 and 1. */
    void (*build)(scl_graph *g, scl_tensor **x, scl_tensor *hyper, scl_tensor *scale);
    int inputs;
} update;

static scl_optimizer_attr attr_of(bool decoupled, bool nesterov)
{
    return (scl_optimizer_attr){.lr_scale = 0.5,
                                .weight_decay = 0.1,
                                .momentum = 0.9,
                                .beta1 = 0.9,
                                .beta2 = 0.99,
                                .eps = 1e-8,
                                .decoupled = decoupled,
                                .nesterov = nesterov};
}

static void adamw(scl_graph *g, scl_tensor **x, scl_tensor *hyper, scl_tensor *scale)
{
    scl_optimizer_attr attr = attr_of(true, false);
    const scl_adam_member member = {x[0], x[1], x[2], x[3]};
    scl_adam(g, &member, 1, hyper, scale, &attr);
}

static void adam_unscaled(scl_graph *g, scl_tensor **x, scl_tensor *hyper, scl_tensor *scale)
{
    (void)scale;
    scl_optimizer_attr attr = attr_of(false, false);
    const scl_adam_member member = {x[0], x[1], x[2], x[3]};
    scl_adam(g, &member, 1, hyper, NULL, &attr);
}

static void adamw_of_three(scl_graph *g, scl_tensor **x, scl_tensor *hyper, scl_tensor *scale)
{
    scl_optimizer_attr attr = attr_of(true, false);
    const scl_adam_member members[] = {
        {x[0], x[1], x[2], x[3]}, {x[4], x[5], x[6], x[7]}, {x[8], x[9], x[10], x[11]}};
    scl_adam(g, members, 3, hyper, scale, &attr);
}

static void sgd_nesterov(scl_graph *g, scl_tensor **x, scl_tensor *hyper, scl_tensor *scale)
{
    scl_optimizer_attr attr = attr_of(false, true);
    scl_sgd(g, x[0], x[1], x[2], hyper, scale, &attr);
}

static void sgd_plain(scl_graph *g, scl_tensor **x, scl_tensor *hyper, scl_tensor *scale)
{
    (void)scale;
    scl_optimizer_attr attr = attr_of(false, false);
    scl_sgd(g, x[0], x[1], NULL, hyper, NULL, &attr);
}

static void accumulated(scl_graph *g, scl_tensor **x, scl_tensor *hyper, scl_tensor *scale)
{
    (void)hyper;
    (void)scale;
    scl_accumulate(g, x[0], x[1]);
}

static void averaged(scl_graph *g, scl_tensor **x, scl_tensor *hyper, scl_tensor *scale)
{
    (void)scale;
    scl_running_mean(g, x[0], x[1], hyper);
}

static void norm_of_all(scl_graph *g, scl_tensor **x, scl_tensor *hyper, scl_tensor *scale)
{
    (void)hyper;
    (void)scale;
    scl_global_norm(g, x, 11);
}

static const update updates[] = {
    {"adamw", adamw, 4},
    {"adam", adam_unscaled, 4},
    {"adamw of three", adamw_of_three, 12},
    {"nesterov", sgd_nesterov, 3},
    {"sgd", sgd_plain, 2},
    {"accumulate", accumulated, 2},
    {"running_mean", averaged, 2},
    {"global_norm", norm_of_all, 11},
};

/* The second four tensors are shorter, the third longer. */
static scl_shape length_of(int i, size_t n)
{
    int64_t length = (int64_t)n;
    return SCL_SHAPE(i < 4 ? length : i < 8 ? 1 + length / 3 : length + 2049);
}

static void check(pair *p, const update *u, size_t n)
{
    static const float hyper_values[4] = {0.01f, 0.19f, 0.141f, 0.3f}, scale_value = 0.7f;
    scl_graph *g = scl_graph_create(&test_error);
    scl_tensor *x[MOST_INPUTS] = {NULL};
    for (int i = 0; i < u->inputs; i++) {
        char name[16];
        snprintf(name, sizeof name, "x%d", i);
        x[i] = i % 4 < 2 ? scl_parameter(g, name, length_of(i, n), (scl_init){0}, true)
                         : scl_state(g, name, length_of(i, n));
    }
    scl_tensor *hyper = scl_constant(g, hyper_values, SCL_SHAPE(4));
    scl_tensor *scale = scl_constant(g, &scale_value, SCL_SHAPE(1));
    u->build(g, x, hyper, scale);
    assert_ok(scl_graph_status(g, &test_error));
    pair_begin(p, g);
    for (int i = 0; i < u->inputs; i++) /* the last of four is a second moment */
        pair_write_random(p, x[i], "update", i % 4 == 3 ? 0 : -1, 1);
    pair_launch(p);
    for (int i = 0; i <= u->inputs; i++) {
        char what[64];
        snprintf(what, sizeof what, "%s of %zu, tensor %d", u->name, n, i);
        pair_compare(p, i < u->inputs ? x[i] : g->nodes[0]->outputs[0], 2e-6, what);
    }
    pair_end(p);
    scl_graph_free(g);
}

static void check_all(const char *variant)
{
    static const size_t lengths[] = {1, 19, 2048, 2049, 16384, 16387};
    pair p = pair_open(variant);
    for (size_t u = 0; u < sizeof updates / sizeof *updates; u++)
        for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
            check(&p, &updates[u], lengths[i]);
    pair_close(&p);
}

static void updates_agree_with_the_reference(void **state)
{
    (void)state;
    check_all("");
}

static void generic_updates_agree_with_the_reference(void **state)
{
    (void)state;
    check_all("+generic");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(updates_agree_with_the_reference),
        cmocka_unit_test(generic_updates_agree_with_the_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
