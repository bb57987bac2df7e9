/* What an adapter promises beside its derivative: rows of their own, where it begins, its merge. */
#include "kit/checks.h"

#include "plugin/adapter.h"
#include "plugin/merge.h"

#include <math.h>
#include <string.h>

#define MERGED 1e-5

static const scl_run_plugin *adapter_of(const scl_kit *kit)
{
    return &kit->subject.plugins.adapters[0];
}

static bool gives_tokens(const scl_kit *kit, const scl_site *site)
{
    return scl_adapter_has_tokens(adapter_of(kit), site);
}

/* Reads the value after row 1 of the leaf has got other numbers. */
static scl_status change_row(scl_kit_trial *t, const char *name, int64_t width, scl_error *err)
{
    const scl_tensor *leaf = scl_graph_find(t->compiled.graph, name);
    if (leaf == NULL)
        return SCL_OK;
    float *values = scl_kit_trial_values(leaf, SCL_KIT_RANDOM);
    if (values == NULL)
        return scl_out_of_memory(err, (size_t)width, name);
    for (int64_t k = 0; k < width; k++)
        values[width + k] = 1 - values[width + k];
    scl_status status =
        scl_store_set(t->borrowed, name, SCL_TENSOR_PARAM, leaf->shape, values, err);
    scl_free(values);
    return status;
}

static scl_status compare_rows(const float *before, const float *after, const scl_tensor *value,
                               const char *scene, scl_error *err)
{
    int64_t width = value->shape.dim[value->shape.ndim - 1];
    int64_t rows = scl_shape_count(value->shape) / width;
    for (int64_t r = 0; r < rows; r++)
        if (r != 1 &&
            memcmp(before + r * width, after + r * width, (size_t)width * sizeof *before) != 0)
            return scl_fail(err, SCL_PLUGIN,
                            "%s: row %lld of the result depends on row 1 of x and y, expected each "
                            "row to come from the same row alone, or `mixes_rows` to say otherwise",
                            scene, (long long)r);
    return SCL_OK;
}

static scl_status check_rows(scl_kit *kit, const scl_kit_scene *scene, scl_error *err)
{
    scl_kit_trial t = {0};
    float *before = NULL, *after = NULL;
    scl_status status = scl_kit_trial_make(&t, &kit->subject, scene, (scl_kit_choice){0},
                                           kit->reference, SCL_KIT_RANDOM, err);
    if (status == SCL_OK)
        status = scl_kit_trial_read(&t, t.value, &before, err);
    if (status == SCL_OK)
        status = change_row(&t, "x", scene->site.in_features, err);
    if (status == SCL_OK)
        status = change_row(&t, "y", scene->site.out_features, err);
    if (status == SCL_OK)
        status = scl_kit_trial_run(&t, err);
    if (status == SCL_OK)
        status = scl_kit_trial_read(&t, t.value, &after, err);
    if (status == SCL_OK)
        status = compare_rows(before, after, t.value, scene->name, err);
    scl_kit_trial_free(&t);
    scl_free(before);
    scl_free(after);
    return status;
}

scl_status scl_kit_rows(scl_kit *kit, scl_str *said, scl_error *err)
{
    size_t checked = 0, mixing = 0;
    for (size_t i = 0; i < kit->scenes.count; i++) {
        const scl_kit_scene *scene = &kit->scenes.items[i];
        bool mixes = scl_adapter_mixes_rows(adapter_of(kit), &scene->site);
        bool layer = scene->site.kind == SCL_SITE_LINEAR || scene->site.kind == SCL_SITE_NORM;
        mixing += mixes;
        if (mixes || !layer)
            continue;
        SCL_TRY(check_rows(kit, scene, err));
        checked++;
    }
    scl_str_add(said, "of %zu forms of layers each row comes from the same row alone", checked);
    if (mixing > 0)
        scl_str_add(said, "; %zu mix rows, as `mixes_rows` says", mixing);
    return SCL_OK;
}

/* The largest difference from the model as it is, before the first step. */
static scl_status find_start(scl_kit *kit, const scl_kit_scene *scene, double *largest,
                             scl_error *err)
{
    scl_kit_trial with = {0}, without = {0};
    const scl_kit_choice adapted = {.untrained = true},
                         plain = {.untrained = true, .without = true};
    scl_status status =
        scl_kit_trial_make(&with, &kit->subject, scene, adapted, kit->device, SCL_KIT_INITIAL, err);
    if (status == SCL_OK)
        status = scl_kit_trial_make(&without, &kit->subject, scene, plain, kit->device,
                                    SCL_KIT_INITIAL, err);
    float *a = NULL, *b = NULL;
    if (status == SCL_OK)
        status = scl_kit_trial_read(&with, with.value, &a, err);
    if (status == SCL_OK)
        status = scl_kit_trial_read(&without, without.value, &b, err);
    for (int64_t i = 0; status == SCL_OK && i < scl_shape_count(with.value->shape); i++)
        *largest = fmax(*largest, fabs((double)a[i] - (double)b[i]));
    scl_free(a);
    scl_free(b);
    scl_kit_trial_free(&with);
    scl_kit_trial_free(&without);
    return status;
}

/* Told, not asked for: an adapter may begin elsewhere. */
scl_status scl_kit_start(scl_kit *kit, scl_str *said, scl_error *err)
{
    double largest = 0;
    size_t compared = 0;
    for (size_t i = 0; i < kit->scenes.count; i++) {
        if (gives_tokens(kit, &kit->scenes.items[i].site))
            continue;
        SCL_TRY(find_start(kit, &kit->scenes.items[i], &largest, err));
        compared++;
    }
    if (compared == 0)
        scl_str_add(said, "it changes no output that could be compared with the model's");
    else if (largest == 0)
        scl_str_add(said, "before its first step every output is the model's own, bit for bit");
    else
        scl_str_add(said, "before its first step outputs differ from the model's by up to %.3g",
                    largest);
    return SCL_OK;
}

/* The adapted layer, and the same layer with what merge made of its weights. */
static scl_status check_merge(scl_kit *kit, const scl_kit_scene *scene, double *largest,
                              scl_error *err)
{
    scl_kit_trial adapted = {0}, merged = {0};
    const scl_kit_choice with = {.untrained = true}, without = {.untrained = true, .without = true};
    scl_status status = scl_kit_trial_make(&adapted, &kit->subject, scene, with, kit->reference,
                                           SCL_KIT_RANDOM, err);
    if (status == SCL_OK) {
        scl_model model = {
            .device = kit->reference, .config = scl_kit_model(false), .store = adapted.store};
        status = scl_adapters_merge(&kit->subject.plugins, &model, err);
    }
    if (status == SCL_OK)
        status = scl_kit_trial_build(&merged, &kit->subject, scene, without, err);
    if (status == SCL_OK)
        status = scl_kit_trial_compile(&merged, kit->reference, adapted.store, err);
    if (status == SCL_OK)
        status = scl_kit_trial_run(&merged, err);
    float *a = NULL, *b = NULL;
    if (status == SCL_OK)
        status = scl_kit_trial_read(&adapted, adapted.value, &a, err);
    if (status == SCL_OK)
        status = scl_kit_trial_read(&merged, merged.value, &b, err);
    for (int64_t i = 0; status == SCL_OK && i < scl_shape_count(merged.value->shape); i++) {
        double off = fabs((double)a[i] - (double)b[i]);
        *largest = fmax(*largest, off);
        if (!(off <= MERGED * fmax(1, fabs((double)a[i]))))
            status = scl_fail(err, SCL_PLUGIN,
                              "%s: the merged layer gives %.9g at %lld, expected %.9g as adapted",
                              scene->name, (double)b[i], (long long)i, (double)a[i]);
    }
    scl_free(a);
    scl_free(b);
    scl_kit_trial_free(&merged);
    scl_kit_trial_free(&adapted);
    return status;
}

scl_status scl_kit_merge(scl_kit *kit, scl_str *said, scl_error *err)
{
    double largest = 0;
    if (kit->scenes.count > 0 && adapter_of(kit)->file.facts.adapter.merge == NULL) {
        scl_str_add(said, "it has no merge: what it does stays beside the model");
        return SCL_OK;
    }
    for (size_t i = 0; i < kit->scenes.count; i++)
        SCL_TRY(check_merge(kit, &kit->scenes.items[i], &largest, err));
    scl_str_add(said, "merged layers give what adapted ones do, within %.1e", largest);
    return SCL_OK;
}
