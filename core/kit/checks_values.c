/* What a plugin makes of values at their edges, and a loss of pixels that do not count. */
#include "kit/checks.h"

#include <math.h>

/* The index of the first value that is not finite; `count` when all are. */
static scl_status find_infinite(const scl_kit_trial *t, const scl_tensor *result, size_t *at,
                                float *value, scl_error *err)
{
    float *values = NULL;
    size_t count = (size_t)scl_shape_count(result->shape);
    scl_status status = scl_kit_trial_read(t, result, &values, err);
    for (*at = 0; status == SCL_OK && *at < count && isfinite(values[*at]);)
        ++*at;
    if (status == SCL_OK && *at < count)
        *value = values[*at];
    scl_free(values);
    return status;
}

static scl_status check_finite(const scl_kit_trial *t, const char *scene, const char *what,
                               scl_error *err)
{
    char name[160];
    const scl_tensor *result = NULL;
    for (size_t k = 0; (result = scl_kit_trial_result(t, k, name)) != NULL; k++) {
        size_t at = 0;
        float value = 0;
        SCL_TRY(find_infinite(t, result, &at, &value, err));
        if (at < (size_t)scl_shape_count(result->shape))
            return scl_fail(err, SCL_PLUGIN, "%s, %s: %s at %zu is %g, expected a finite number",
                            scene, what, name, at, (double)value);
    }
    return SCL_OK;
}

/* What a trial holds, and what it is called. */
typedef struct edge {
    scl_kit_values values;
    const char *what;
} edge;

static const edge of_losses[] = {{SCL_KIT_NO_OBJECT, "masks without an object"},
                                 {SCL_KIT_ALL_OBJECT, "masks that are all object"},
                                 {SCL_KIT_NO_PIXEL, "masks without a pixel that counts"},
                                 {SCL_KIT_HUGE, "logits of +-10000"}};
static const edge of_adapters[] = {{SCL_KIT_HUGE, "inputs of +-10000"}};

static scl_status check_edges(scl_kit *kit, const scl_kit_scene *scene, const edge *edges,
                              size_t count, scl_error *err)
{
    scl_kit_trial t = {0};
    scl_status status = scl_kit_trial_make(&t, &kit->subject, scene, (scl_kit_choice){0},
                                           kit->device, SCL_KIT_RANDOM, err);
    for (size_t k = 0; k < count && status == SCL_OK; k++) {
        status = scl_kit_trial_fill(&t, edges[k].values, err);
        if (status == SCL_OK)
            status = scl_kit_trial_run(&t, err);
        if (status == SCL_OK)
            status = check_finite(&t, scene->name, edges[k].what, err);
    }
    scl_kit_trial_free(&t);
    return status;
}

scl_status scl_kit_finite(scl_kit *kit, scl_str *said, scl_error *err)
{
    bool loss = kit->kind == SCL_PLUGIN_LOSS;
    const edge *edges = loss ? of_losses : of_adapters;
    size_t count =
        loss ? sizeof of_losses / sizeof *of_losses : sizeof of_adapters / sizeof *of_adapters;
    for (size_t i = 0; i < kit->scenes.count; i++)
        SCL_TRY(check_edges(kit, &kit->scenes.items[i], edges, count, err));
    scl_str_add(said, "finite for ");
    for (size_t k = 0; k < count; k++)
        scl_str_add(said, "%s%s", k > 0 ? ", " : "", edges[k].what);
    return SCL_OK;
}

scl_status scl_kit_nan(scl_kit *kit, scl_str *said, scl_error *err)
{
    scl_kit_trial t = {0};
    size_t at = 0;
    float value = 0;
    scl_status status = scl_kit_trial_make(&t, &kit->subject, &kit->scenes.items[0],
                                           (scl_kit_choice){0}, kit->device, SCL_KIT_NAN, err);
    if (status == SCL_OK)
        status = find_infinite(&t, t.value, &at, &value, err);
    bool loss = kit->kind == SCL_PLUGIN_LOSS;
    bool shows = status == SCL_OK && at < (size_t)scl_shape_count(t.value->shape);
    scl_str_add(said, "%s that is NaN %s the %s%s", loss ? "a logit" : "an input",
                shows ? "makes" : "does not show in", loss ? "loss" : "output",
                shows ? " NaN, so that a run stops" : "");
    scl_kit_trial_free(&t);
    return status;
}

/* The gradient by the logits is 0 where a pixel does not count. */
static scl_status check_zero(const scl_kit_trial *t, const char *scene, scl_error *err)
{
    const scl_tensor *logits = scl_graph_find(t->compiled.graph, "logits");
    float *grad = NULL;
    if (logits->grad == NULL)
        return SCL_OK;
    scl_status status = scl_kit_trial_read(t, logits->grad, &grad, err);
    const int64_t *dim = logits->shape.dim;
    size_t area = (size_t)(dim[2] * dim[3]), mask = (size_t)dim[1] * area;
    for (size_t i = 0; status == SCL_OK && i < (size_t)dim[0] * mask; i++)
        if (grad[i] != 0 && !scl_kit_counts(i / mask * area + i % area))
            status = scl_fail(err, SCL_PLUGIN,
                              "%s: its gradient at logit %zu, where the weight is 0, is %g, "
                              "expected 0",
                              scene, i, (double)grad[i]);
    scl_free(grad);
    return status;
}

scl_status scl_kit_hidden(scl_kit *kit, scl_str *said, scl_error *err)
{
    double largest = 0;
    const scl_kit_comparison two = {.found = {.device = kit->device, .values = SCL_KIT_HIDDEN},
                                    .expected = {.device = kit->device},
                                    .also = check_zero};
    scl_status status = scl_kit_compare_two(kit, two, &largest, err);
    if (status == SCL_PLUGIN)
        return scl_error_prefix(err, "with other logits where the weight is 0");
    SCL_TRY(status);
    scl_str_add(said, "other logits where the weight is 0 change no bit of value or gradient");
    return SCL_OK;
}
