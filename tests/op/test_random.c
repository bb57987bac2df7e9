/* Random values of a batch: the generator's known answers, both backends alike, their moments. */
#include "fixture.h"
#include "op/pair.h"

#include "graph/ops.h"

#include <math.h>

#define COUNT 4099 /* no multiple of 4, and more than a stretch */

typedef struct draws {
    scl_graph *graph;
    scl_tensor *key, *uniform, *normal, *other;
} draws;

static draws make_draws(uint64_t salt)
{
    draws d = {.graph = scl_graph_create(&test_error)};
    d.uniform = scl_random(d.graph, SCL_UNIFORM, salt, SCL_SHAPE(COUNT));
    d.normal = scl_random(d.graph, SCL_NORMAL, salt, SCL_SHAPE(1, COUNT));
    d.other = scl_random(d.graph, SCL_UNIFORM, salt + 1, SCL_SHAPE(3));
    d.key = scl_graph_find(d.graph, SCL_RANDOM_KEY);
    assert_ok(scl_graph_status(d.graph, &test_error));
    return d;
}

static void run(guarded_run *r, const draws *d, int32_t low, int32_t high)
{
    const int32_t key[2] = {low, high};
    guarded_write(r, d->key, key);
    guarded_launch_all(r);
}

/* philox4x32 10 of Random123's kat_vectors, counter and key zero or all ones. */
static void check_known(scl_device *device, int32_t key, uint64_t salt, const uint32_t words[4])
{
    draws d = make_draws(salt);
    guarded_run r = guarded_open(device, d.graph);
    run(&r, &d, key, key);
    float *found = guarded_read(&r, d.uniform);
    for (int i = 0; i < 4; i++)
        assert_true(found[i] == (float)(words[i] >> 8) * 0x1p-24f);
    free(found);
    guarded_close(&r);
    scl_graph_free(d.graph);
}

static void the_generator_has_its_known_answers(void **state)
{
    (void)state;
    pair p = pair_open("");
    const uint32_t zeros[4] = {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8};
    check_known(p.device, 0, 0, zeros);
    check_known(p.reference, 0, 0, zeros);
    uint32_t words[4];
    scl_philox(UINT64_MAX, UINT64_MAX, UINT64_MAX, words);
    const uint32_t ones[4] = {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd};
    assert_memory_equal(words, ones, sizeof ones);
    scl_philox(0x299f31d0a4093822, 0x85a308d3243f6a88, 0x0370734413198a2e, words);
    const uint32_t digits_of_pi[4] = {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1};
    assert_memory_equal(words, digits_of_pi, sizeof digits_of_pi);
    pair_close(&p);
}

static void check_pair(const char *variant)
{
    pair p = pair_open(variant);
    draws d = make_draws(0x123456789abcdef0);
    pair_begin(&p, d.graph);
    run(&p.found, &d, -5, 77);
    run(&p.expected, &d, -5, 77);
    pair_compare(&p, d.uniform, 0, "uniform");
    pair_compare(&p, d.other, 0, "uniform of three");
    pair_compare(&p, d.normal, 1e-6, "normal");
    pair_end(&p);
    scl_graph_free(d.graph);
    pair_close(&p);
}

static void backends_draw_the_same(void **state)
{
    (void)state;
    check_pair("");
    check_pair("+generic");
}

static void assert_between(double low, double value, double high)
{
    if (!(value >= low && value <= high))
        fail_msg("expected %g to %g, found %g", low, high, value);
}

/* Within five standard errors. */
static void moments_are_those_of_the_distributions(void **state)
{
    (void)state;
    pair p = pair_open("");
    draws d = make_draws(9);
    guarded_run r = guarded_open(p.device, d.graph);
    run(&r, &d, 1, 2);
    float *uniform = guarded_read(&r, d.uniform), *normal = guarded_read(&r, d.normal);
    double mean[2] = {0}, square[2] = {0}, neighbours = 0;
    for (int i = 0; i < COUNT; i++) {
        assert_true(uniform[i] >= 0 && uniform[i] < 1 && isfinite(normal[i]));
        mean[0] += (double)uniform[i] / COUNT;
        square[0] += (double)uniform[i] * (double)uniform[i] / COUNT;
        mean[1] += (double)normal[i] / COUNT;
        square[1] += (double)normal[i] * (double)normal[i] / COUNT;
        neighbours += i > 0 ? (double)normal[i] * (double)normal[i - 1] / COUNT : 0;
    }
    double error = 5 / sqrt(COUNT);
    assert_between(0.5 - 0.289 * error, mean[0], 0.5 + 0.289 * error);
    assert_between(1.0 / 3 - 0.3 * error, square[0], 1.0 / 3 + 0.3 * error);
    assert_between(-error, mean[1], error);
    assert_between(1 - 1.42 * error, square[1], 1 + 1.42 * error);
    assert_between(-error, neighbours, error);
    free(uniform);
    free(normal);
    guarded_close(&r);
    scl_graph_free(d.graph);
    pair_close(&p);
}

/* Another key or another salt: other values; the same again: the same. */
static void key_and_salt_tell_draws_apart(void **state)
{
    (void)state;
    pair p = pair_open("");
    draws d = make_draws(1), e = make_draws(2);
    guarded_run r = guarded_open(p.device, d.graph), s = guarded_open(p.device, e.graph);
    float *found[4];
    for (int i = 0; i < 3; i++) {
        run(&r, &d, i % 2, 0);
        found[i] = guarded_read(&r, d.normal);
    }
    run(&s, &e, 0, 0);
    found[3] = guarded_read(&s, e.normal);
    assert_memory_equal(found[0], found[2], COUNT * sizeof(float));
    assert_true(found[0][0] != found[1][0] && found[0][1] != found[1][1]);
    assert_true(found[0][0] != found[3][0] && found[0][1] != found[3][1]);
    for (int i = 0; i < 4; i++)
        free(found[i]);
    guarded_close(&r);
    guarded_close(&s);
    scl_graph_free(d.graph);
    scl_graph_free(e.graph);
    pair_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_generator_has_its_known_answers),
        cmocka_unit_test(backends_draw_the_same),
        cmocka_unit_test(moments_are_those_of_the_distributions),
        cmocka_unit_test(key_and_salt_tell_draws_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
