/* Derivatives: against finite differences in double precision, and the device's. */
#include "kit/checks.h"

#include "base/rng.h"

#include <math.h>
#include <string.h>

#define PROBES    8    /* of each leaf */
#define TOLERANCE 2e-4 /* of the largest component */
#define ON_DEVICE 1e-4

/* Runs the forward nodes but for those that stay, and reads how far the loss is from where it was:
 * a difference in double precision, as the reference makes it. */
static scl_status read_deviation(scl_kit_trial *t, double *deviation, scl_error *err)
{
    float value = 0;
    for (size_t i = 0; i < t->forward_nodes; i++)
        if (!t->skipped[i])
            SCL_TRY(scl_schedule_run(t->compiled.schedule, i, i + 1, err));
    SCL_TRY(scl_schedule_read(t->compiled.schedule, t->deviation, 0, &value, 1, err));
    *deviation = (double)value;
    return SCL_OK;
}

static scl_status set_leaf(scl_kit_trial *t, const scl_tensor *leaf, const float *values,
                           scl_error *err)
{
    return scl_store_set(t->borrowed, leaf->name, SCL_TENSOR_PARAM, leaf->shape, values, err);
}

static scl_status measure(scl_kit_trial *t, const scl_tensor *leaf, float *values, size_t k,
                          float step, double *slope, scl_error *err)
{
    const float before = values[k], above = before + step, below = before - step;
    double high = 0, low = 0;
    values[k] = above;
    SCL_TRY(set_leaf(t, leaf, values, err));
    SCL_TRY(read_deviation(t, &high, err));
    values[k] = below;
    SCL_TRY(set_leaf(t, leaf, values, err));
    SCL_TRY(read_deviation(t, &low, err));
    values[k] = before;
    *slope = (high - low) / ((double)above - (double)below);
    return set_leaf(t, leaf, values, err);
}

/* A step that crosses a kink is tried again, smaller. */
static scl_status probe(scl_kit_trial *t, const scl_tensor *leaf, float *values, size_t k,
                        double claimed, double largest, double *worst, scl_error *err)
{
    static const float steps[] = {1e-3f, 1e-4f, 1e-5f};
    double slope = 0, off = INFINITY;
    for (size_t i = 0; i < sizeof steps / sizeof *steps && !(off <= TOLERANCE); i++) {
        SCL_TRY(measure(t, leaf, values, k, steps[i], &slope, err));
        off = fabs(slope - claimed) / largest;
    }
    if (off <= TOLERANCE) {
        *worst = fmax(*worst, off);
        return SCL_OK;
    }
    return scl_fail(err, SCL_PLUGIN,
                    "the derivative by %s at %zu is %.6g, expected the finite difference %.6g",
                    leaf->name, k, claimed, slope);
}

static scl_status probe_leaf(scl_kit_trial *t, const scl_tensor *leaf, double *worst,
                             scl_error *err)
{
    size_t count = (size_t)scl_shape_count(leaf->shape);
    float *grad = NULL, *values = scl_kit_trial_values(leaf, SCL_KIT_RANDOM);
    double largest = 1e-6;
    scl_rng rng = scl_rng_make(9, leaf->name, 0, 0);
    scl_status status = values == NULL ? scl_out_of_memory(err, count * sizeof *values, leaf->name)
                                       : scl_kit_trial_read(t, leaf->grad, &grad, err);
    for (size_t i = 0; i < count && status == SCL_OK; i++)
        largest = fmax(largest, fabs((double)grad[i]));
    for (int i = 0; i < PROBES && status == SCL_OK; i++) {
        size_t k = scl_rng_below(&rng, (uint32_t)count);
        status = probe(t, leaf, values, k, (double)grad[k], largest, worst, err);
    }
    scl_free(values);
    scl_free(grad);
    return status;
}

/* Sets what deviations are counted from. */
static scl_status begin(scl_kit_trial *t, scl_error *err)
{
    float loss = 0;
    const scl_tensor *reference = scl_graph_find(t->compiled.graph, "reference");
    SCL_TRY(scl_schedule_read(t->compiled.schedule, t->loss, 0, &loss, 1, err));
    return scl_schedule_write(t->compiled.schedule, reference, 0, &loss, 1, err);
}

static scl_status check_scene(scl_kit *kit, const scl_kit_scene *scene, size_t *leaves,
                              double *worst, scl_error *err)
{
    scl_kit_trial t = {0};
    const scl_kit_choice choice = {.frozen = true};
    scl_status status =
        scl_kit_trial_make(&t, &kit->subject, scene, choice, kit->reference, SCL_KIT_RANDOM, err);
    if (status == SCL_OK)
        status = begin(&t, err);
    for (size_t i = 0; status == SCL_OK && i < t.compiled.graph->tensor_count; i++) {
        const scl_tensor *leaf = t.compiled.graph->tensors[i];
        if (leaf->grad == NULL)
            continue;
        status = probe_leaf(&t, leaf, worst, err);
        ++*leaves;
    }
    scl_kit_trial_free(&t);
    return status == SCL_OK ? SCL_OK : scl_error_prefix(err, "%s", scene->name);
}

scl_status scl_kit_gradient(scl_kit *kit, scl_str *said, scl_error *err)
{
    size_t leaves = 0;
    double worst = 0;
    for (size_t i = 0; i < kit->scenes.count; i++)
        SCL_TRY(check_scene(kit, &kit->scenes.items[i], &leaves, &worst, err));
    scl_str_add(said, "the gradients of %zu tensors are their finite differences, within %.1e",
                leaves, worst);
    return SCL_OK;
}

scl_status scl_kit_on_device(scl_kit *kit, scl_str *said, scl_error *err)
{
    double largest = 0;
    const scl_kit_comparison two = {.found = {.device = kit->device},
                                    .expected = {.device = kit->reference},
                                    .tolerance = ON_DEVICE};
    SCL_TRY(scl_kit_compare_two(kit, two, &largest, err));
    scl_str_add(said, "values and gradients on %s are those of double precision, within %.1e",
                kit->device->info.name, largest);
    return SCL_OK;
}
