/* The derivative of every op: the reference's gradients against finite differences. */
#include "op/compare.h"

#include "base/rng.h"
#include "reference/reference.h"
#include "registry.h"

#define PROBES_PER_INPUT 12

static double reference_loss(guarded_run *run, const built_case *b)
{
    for (size_t i = 0; i < b->forward_nodes; i++)
        guarded_launch(run, i);
    return scl_reference_values(guarded_of(run, b->loss))[0];
}

/* The central difference at a few elements of every input, in double precision. */
static void check_differences(const op_case *c, guarded_run *run, const built_case *b)
{
    for (int i = 0; i < b->inputs; i++) {
        size_t count = (size_t)scl_shape_count(b->x[i]->shape);
        if (b->x[i]->grad == NULL)
            continue;
        double *x = scl_reference_values(guarded_of(run, b->x[i]));
        double *grad = scl_reference_values(guarded_of(run, b->x[i]->grad)), largest = 1e-3;
        for (size_t k = 0; k < count; k++)
            largest = fmax(largest, fabs(grad[k]));
        scl_rng rng = scl_rng_make(5, c->name, (uint64_t)i, 0);
        for (int probe = 0; probe < PROBES_PER_INPUT; probe++) {
            size_t k = scl_rng_below(&rng, (uint32_t)count);
            const double h = 1e-5, claimed = grad[k], before = x[k];
            x[k] = before + h;
            double above = reference_loss(run, b);
            x[k] = before - h;
            double below = reference_loss(run, b);
            x[k] = before;
            double measured = (above - below) / (2 * h);
            if (fabs(measured - claimed) > 1e-6 * largest)
                fail_msg("%s: d loss / d x%d[%zu] is %.9g, but the finite difference is %.9g",
                         c->name, i, k, claimed, measured);
        }
    }
}

static void gradients_are_finite_differences(void **state)
{
    (void)state;
    scl_device *reference = NULL;
    assert_ok(scl_device_open("reference", &reference, &test_error));
    for (int i = 0; i < op_case_count; i++) {
        const op_case *c = &op_cases[i];
        if (c->kinked || c->fused || c->pointwise || !is_chosen(c))
            continue;
        built_case b = build_case(c);
        guarded_run run = guarded_open(reference, b.graph);
        write_inputs(&run, c, &b);
        guarded_launch_all(&run);
        check_differences(c, &run, &b);
        guarded_close(&run);
        scl_graph_free(b.graph);
    }
    assert_all_released(reference);
    scl_device_close(reference);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(gradients_are_finite_differences)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
