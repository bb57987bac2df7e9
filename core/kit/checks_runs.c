/* Several runs beside each other: the same twice, with other parameters, without memory, in time.
 */
#include "kit/checks.h"

#include "base/clock.h"

#include <math.h>
#include <stdlib.h>

#define REPEATS 7

static scl_status make(scl_kit *kit, const scl_kit_scene *scene, scl_kit_way way,
                       scl_kit_trial *trial, scl_error *err)
{
    SCL_TRY(scl_kit_trial_make(trial, &kit->subject, scene, (scl_kit_choice){0}, way.device,
                               way.values, err));
    return way.again ? scl_kit_trial_run(trial, err) : SCL_OK;
}

scl_status scl_kit_compare_two(scl_kit *kit, scl_kit_comparison two, double *largest,
                               scl_error *err)
{
    scl_status status = SCL_OK;
    for (size_t i = 0; i < kit->scenes.count && status == SCL_OK; i++) {
        scl_kit_trial found = {0}, expected = {0};
        const scl_kit_scene *scene = &kit->scenes.items[i];
        status = make(kit, scene, two.found, &found, err);
        if (status == SCL_OK)
            status = make(kit, scene, two.expected, &expected, err);
        if (status == SCL_OK)
            status = scl_kit_compare(&found, &expected, two.tolerance, scene->name, largest, err);
        if (status == SCL_OK && two.also != NULL)
            status = two.also(&expected, scene->name, err);
        scl_kit_trial_free(&found);
        scl_kit_trial_free(&expected);
    }
    return status;
}

scl_status scl_kit_twice(scl_kit *kit, scl_str *said, scl_error *err)
{
    double largest = 0;
    const scl_kit_comparison two = {.found = {.device = kit->device, .again = true},
                                    .expected = {.device = kit->device}};
    SCL_TRY(scl_kit_compare_two(kit, two, &largest, err));
    scl_str_add(said, "built twice and run twice it gives the same bits");
    return SCL_OK;
}

static bool can_be_built(scl_kit *kit, const char *params)
{
    scl_kit_subject other = {0};
    scl_kit_trial trial = {0};
    scl_error why = {0};
    scl_status status =
        scl_kit_subject_open(&other, kit->options->path, kit->kind, &params, 1, &why);
    if (status == SCL_OK)
        status =
            scl_kit_trial_build(&trial, &other, &kit->scenes.items[0], (scl_kit_choice){0}, &why);
    scl_kit_trial_free(&trial);
    scl_kit_subject_close(&other);
    return status == SCL_OK;
}

/* Params with another value of this number than its default; empty: none that can be built. */
static void find_other(scl_kit *kit, const scl_plugin *plugin, const scl_param *row,
                       scl_str *params)
{
    bool number = row->type == SCL_PARAM_FLOAT || row->type == SCL_PARAM_INT;
    for (size_t which = 0; number && which < 2 && params->length == 0; which++) {
        scl_str value = {0};
        scl_kit_extreme(row, which, &value);
        if (row->default_value != NULL &&
            strtod(row->default_value, NULL) != strtod(scl_str_text(&value), NULL))
            scl_kit_write_params(plugin, row->key, value.text, params);
        scl_str_free(&value);
        if (params->length > 0 && !can_be_built(kit, params->text))
            scl_str_free(params);
    }
}

/* Params that differ from the defaults, if any do. */
static void find_others(scl_kit *kit, scl_str *params)
{
    const scl_run_plugins *plugins = &kit->subject.plugins;
    const scl_run_plugin *own = kit->kind == SCL_PLUGIN_LOSS ? plugins->losses : plugins->adapters;
    const scl_plugin *plugin = &own->file.facts.plugin;
    for (uint64_t i = 0; i < plugin->param_count && params->length == 0; i++)
        find_other(kit, plugin, &plugin->params[i], params);
    if (params->length == 0)
        scl_str_add(params, "%s", scl_str_text(&kit->params));
}

/* The subject alone, after the other one was built and run in between. */
static scl_status check_apart(scl_kit *kit, scl_kit_subject *other, scl_error *err)
{
    const scl_kit_scene *scene = &kit->scenes.items[0];
    const scl_kit_choice choice = {0};
    scl_kit_trial a = {0}, b = {0}, again = {0};
    double largest = 0;
    scl_status status =
        scl_kit_trial_make(&a, &kit->subject, scene, choice, kit->reference, SCL_KIT_RANDOM, err);
    if (status == SCL_OK)
        status = scl_kit_trial_make(&b, other, scene, choice, kit->reference, SCL_KIT_RANDOM, err);
    if (status == SCL_OK)
        status = scl_kit_trial_make(&again, &kit->subject, scene, choice, kit->reference,
                                    SCL_KIT_RANDOM, err);
    if (status == SCL_OK)
        status = scl_kit_compare(&again, &a, 0, "after another instance was built", &largest, err);
    scl_kit_trial_free(&a);
    scl_kit_trial_free(&b);
    scl_kit_trial_free(&again);
    return status;
}

/* Both in one graph: each part as it is alone. */
static scl_status check_together(scl_kit *kit, scl_kit_subject *other, const char *params,
                                 scl_error *err)
{
    const char *both[] = {scl_str_text(&kit->params), params};
    scl_kit_subject pair = {0}, *alone[] = {&kit->subject, other};
    float parts[2] = {0};
    scl_kit_trial t = {0};
    scl_status status =
        scl_kit_subject_open(&pair, kit->options->path, SCL_PLUGIN_LOSS, both, 2, err);
    if (status == SCL_OK)
        status = scl_kit_trial_make(&t, &pair, &kit->scenes.items[0], (scl_kit_choice){0},
                                    kit->reference, SCL_KIT_RANDOM, err);
    if (status == SCL_OK)
        status = scl_schedule_read(t.compiled.schedule, t.value, 0, parts, 2, err);
    scl_kit_trial_free(&t);
    for (int i = 0; i < 2 && status == SCL_OK; i++) {
        float value = 0;
        status = scl_kit_trial_make(&t, alone[i], &kit->scenes.items[0], (scl_kit_choice){0},
                                    kit->reference, SCL_KIT_RANDOM, err);
        if (status == SCL_OK)
            status = scl_schedule_read(t.compiled.schedule, t.value, 0, &value, 1, err);
        if (status == SCL_OK && !scl_kit_same_bits(value, parts[i]))
            status = scl_fail(err, SCL_PLUGIN,
                              "in one run with params %s its value is %.9g, expected %.9g as alone",
                              both[1 - i], (double)parts[i], (double)value);
        scl_kit_trial_free(&t);
    }
    scl_kit_subject_close(&pair);
    return status;
}

scl_status scl_kit_instances(scl_kit *kit, scl_str *said, scl_error *err)
{
    scl_str params = {0};
    scl_kit_subject other = {0};
    find_others(kit, &params);
    const char *text = scl_str_text(&params);
    scl_status status = scl_kit_subject_open(&other, kit->options->path, kit->kind, &text, 1, err);
    if (status == SCL_OK)
        status = check_apart(kit, &other, err);
    if (status == SCL_OK && kit->kind == SCL_PLUGIN_LOSS)
        status = check_together(kit, &other, text, err);
    scl_str_add(said, "beside one with params %s it is what it is alone", text);
    scl_kit_subject_close(&other);
    scl_str_free(&params);
    return status;
}

/* Opens, builds and differentiates while the allocation after `countdown` more fails. Whether there
 * were so many. */
static bool build_without(scl_kit *kit, const scl_kit_scene *scene, long countdown, scl_error *why)
{
    const char *params = scl_str_text(&kit->params);
    scl_kit_subject subject = {0};
    scl_kit_trial trial = {0};
    scl_alloc_fail_after(countdown);
    scl_status status =
        scl_kit_subject_open(&subject, kit->options->path, kit->kind, &params, 1, why);
    if (status == SCL_OK)
        status = scl_kit_trial_build(&trial, &subject, scene, (scl_kit_choice){0}, why);
    bool failed = scl_alloc_fail_after(-1) < 0;
    scl_kit_trial_free(&trial);
    scl_kit_subject_close(&subject);
    return failed;
}

static scl_status check_memory(scl_kit *kit, const scl_kit_scene *scene, long *failures,
                               scl_error *err)
{
    for (long n = 0;; n++) {
        scl_error why = {0};
        long before = scl_alloc_count();
        bool failed = build_without(kit, scene, n, &why);
        if (scl_alloc_count() != before)
            return scl_fail(err, SCL_PLUGIN, "%s: when allocation %ld fails, %ld are not freed",
                            scene->name, n, scl_alloc_count() - before);
        if (!failed)
            return SCL_OK;
        if (why.status != SCL_OK && why.status != SCL_DEVICE)
            return scl_fail(err, SCL_PLUGIN,
                            "%s: when allocation %ld fails, expected an error that says so, found: "
                            "%s",
                            scene->name, n, why.text);
        ++*failures;
    }
}

scl_status scl_kit_memory(scl_kit *kit, scl_str *said, scl_error *err)
{
    long failures = 0;
    for (size_t i = 0; i < kit->scenes.count; i++)
        SCL_TRY(check_memory(kit, &kit->scenes.items[i], &failures, err));
    scl_str_add(said,
                "without memory at each of %ld allocations in turn it ends well, and nothing "
                "is lost",
                failures);
    return SCL_OK;
}

/* ------------------------------------------------------------------ time */

/* The least seconds of several builds. */
static scl_status time_build(scl_kit *kit, const scl_kit_scene *scene, scl_kit_choice choice,
                             double *least, scl_error *err)
{
    scl_status status = SCL_OK;
    for (int i = 0; i < REPEATS && status == SCL_OK; i++) {
        scl_kit_trial t = {0};
        double start = scl_clock_seconds();
        status = scl_kit_trial_build(&t, &kit->subject, scene, choice, err);
        *least = fmin(*least, scl_clock_seconds() - start);
        scl_kit_trial_free(&t);
    }
    return status;
}

/* And of several steps. */
static scl_status time_step(scl_kit *kit, const scl_kit_scene *scene, scl_kit_choice choice,
                            double *least, scl_error *err)
{
    scl_kit_trial t = {0};
    scl_status status =
        scl_kit_trial_make(&t, &kit->subject, scene, choice, kit->device, SCL_KIT_RANDOM, err);
    for (int i = 0; i < REPEATS && status == SCL_OK; i++) {
        float loss = 0;
        double start = scl_clock_seconds();
        status = scl_kit_trial_run(&t, err);
        if (status == SCL_OK) /* waits */
            status = scl_schedule_read(t.compiled.schedule, t.loss, 0, &loss, 1, err);
        *least = fmin(*least, scl_clock_seconds() - start);
    }
    scl_kit_trial_free(&t);
    return status;
}

scl_status scl_kit_time(scl_kit *kit, scl_str *said, scl_error *err)
{
    const scl_kit_choice with = {.side = 256}, without = {.side = 256, .without = true};
    bool loss = kit->kind == SCL_PLUGIN_LOSS;
    double build = INFINITY, step = INFINITY, plain = INFINITY;
    scl_kit_scenes scenes;
    SCL_TRY(scl_kit_scenes_find(&kit->subject, true, &scenes, err));
    if (scenes.count == 0) {
        scl_str_add(said, "it wraps nothing, so a step is as long as the optimizer's part of it");
        return SCL_OK;
    }
    const scl_kit_scene *scene = &scenes.items[0];
    SCL_TRY(time_build(kit, scene, with, &build, err));
    SCL_TRY(time_step(kit, scene, with, &step, err));
    SCL_TRY(time_step(kit, scene, without, &plain, err));
    scl_str_add(said, "built in %.2f ms; %s: %.2f ms forward and backward, %.2f ms %s", build * 1e3,
                loss ? "3 masks of 256 x 256 pixels" : scene->name, step * 1e3, plain * 1e3,
                loss ? "of a plain sum" : "without it");
    return SCL_OK;
}
