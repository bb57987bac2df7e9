/* Which of the decoder's masks are made for an object's prompt, judged, trained and shown. */
#include "fixture.h"
#include "kept_device.h"
#include "train/train_support.h"

#include "graph/compiled.h"
#include "registry.h"
#include "step/candidates.h"
#include "step/step_graph.h"

#include <math.h>

enum { OBJECTS = 7, SLOTS = 3, MASKS = SCL_SAM_MASK_TOKENS };

static const scl_train_config multimask = {.multimask = 1};

/* A graph that is run on the reference. */
typedef struct small_graph {
    scl_device *device;
    scl_store *store;
    scl_graph *graph;
    scl_compiled compiled;
} small_graph;

static small_graph begin(void)
{
    small_graph s = {.graph = scl_graph_create(&test_error)};
    assert_ok(scl_device_open("reference", &s.device, &test_error));
    assert_ok(scl_store_create(s.device, 0, &s.store, &test_error));
    return s;
}

static void compile(small_graph *s)
{
    assert_ok(scl_graph_status(s->graph, &test_error));
    assert_ok(scl_compile(s->graph, NULL, 0, s->store, &s->compiled, &test_error));
}

static void run_and_compare(small_graph *s, const char *what, const scl_tensor *found,
                            const float *expected, size_t count)
{
    float values[64];
    assert_ok(scl_schedule_run(s->compiled.schedule, 0, s->compiled.plan->node_count, &test_error));
    assert_ok(scl_schedule_read(s->compiled.schedule, found, 0, values, count, &test_error));
    assert_near(what, values, expected, count, 1e-6);
}

static void end(small_graph *s)
{
    scl_compiled_free(&s->compiled);
    scl_store_free(s->store);
    scl_device_close(s->device);
}

static void one_point_alone_is_ambiguous(void **state)
{
    (void)state;
    static const int32_t labels[OBJECTS][SLOTS] = {
        {SCL_LABEL_POSITIVE, SCL_LABEL_NOT_A_POINT, SCL_LABEL_NOTHING},
        {SCL_LABEL_POSITIVE, SCL_LABEL_NEGATIVE, SCL_LABEL_NOT_A_POINT},
        {SCL_LABEL_BOX_TOP_LEFT, SCL_LABEL_BOX_BOTTOM_RIGHT, SCL_LABEL_NOTHING},
        {SCL_LABEL_POSITIVE, SCL_LABEL_BOX_TOP_LEFT, SCL_LABEL_BOX_BOTTOM_RIGHT},
        {SCL_LABEL_NOTHING, SCL_LABEL_NOTHING, SCL_LABEL_NOTHING},
        {SCL_LABEL_POSITIVE, SCL_LABEL_NOT_A_POINT, SCL_LABEL_NOTHING}, /* and a mask */
        {SCL_LABEL_NEGATIVE, SCL_LABEL_NOTHING, SCL_LABEL_NOTHING},
    };
    static const float has_mask[OBJECTS] = {[5] = 1};
    static const float expected[OBJECTS][MASKS] = {{0, 1, 1, 1}, {1, 0, 0, 0}, {1, 0, 0, 0},
                                                   {1, 0, 0, 0}, {1, 0, 0, 0}, {1, 0, 0, 0},
                                                   {0, 1, 1, 1}};
    small_graph s = begin();
    scl_tensor *in = scl_input(s.graph, "labels", SCL_I32, SCL_SHAPE(OBJECTS, SLOTS));
    scl_tensor *has = scl_input(s.graph, "has_mask", SCL_F32, SCL_SHAPE(OBJECTS, 1, 1, 1));
    scl_sam_prompts prompts = {.labels = in, .mask = has, .has_mask = has};
    scl_candidates c = scl_candidates_make(s.graph, &multimask, &prompts, OBJECTS);
    assert_true(c.best);
    c.eligible->keep = true;
    compile(&s);
    assert_ok(scl_schedule_write(s.compiled.schedule, in, 0, labels, OBJECTS * SLOTS, &test_error));
    assert_ok(scl_schedule_write(s.compiled.schedule, has, 0, has_mask, OBJECTS, &test_error));
    run_and_compare(&s, "eligible", c.eligible, expected[0], OBJECTS * MASKS);
    end(&s);
}

static void the_likeliest_eligible_mask_is_shown(void **state)
{
    (void)state;
    static const float eligible[3][MASKS] = {{0, 1, 1, 1}, {1, 0, 0, 0}, {0, 1, 1, 1}};
    static const float iou[3][MASKS] = {
        {0.9f, 0.1f, 0.8f, 0.7f}, {-0.5f, 0.9f, 0.9f, 0.9f}, {0, 0.4f, 0.3f, 0.4f}};
    static const float expected[3 * 2] = {2, 12, 4, 14, 9, 19},
                                    expected_iou[3] = {0.8f, -0.5f, 0.4f};
    float logits[3][MASKS][2];
    for (int m = 0; m < 3; m++)
        for (int k = 0; k < MASKS; k++)
            for (int x = 0; x < 2; x++)
                logits[m][k][x] = (float)(4 * m + k + 10 * x);
    small_graph s = begin();
    scl_candidates c = {.best = true};
    c.eligible = scl_constant(s.graph, eligible[0], SCL_SHAPE(3, MASKS));
    scl_sam_masks all = {.logits = scl_constant(s.graph, logits[0][0], SCL_SHAPE(3, MASKS, 1, 2)),
                         .iou = scl_constant(s.graph, iou[0], SCL_SHAPE(3, MASKS))};
    scl_sam_masks shown = scl_candidates_choose(s.graph, &c, &all);
    shown.logits->keep = shown.iou->keep = true;
    assert_true(scl_shape_equal(shown.logits->shape, SCL_SHAPE(3, 1, 1, 2)));
    compile(&s);
    run_and_compare(&s, "logits", shown.logits, expected, 6);
    run_and_compare(&s, "iou", shown.iou, expected_iou, 3);
    end(&s);
}

typedef struct opened_run {
    scl_train_job job;
    scl_device *device;
} opened_run;

static scl_step_options open_run(opened_run *run, const char *file, const char *setting)
{
    const char *const settings[] = {setting};
    assert_ok(scl_train_job_read(&run->job, file, settings, 1, &test_error));
    assert_ok(scl_device_open("reference", &run->device, &test_error));
    assert_ok(scl_train_job_open(&run->job, run->device, (scl_data_progress){0}, &test_error));
    scl_tuned_model *model = &run->job.run;
    return (scl_step_options){
        .model = model->model,
        .adaptation = model->used_adaptation,
        .plugins = &model->plugins,
        .train = &model->config.train,
        .masks = &model->config.train,
        .layout = scl_batch_layout_make(&model->config.data, &model->model->config, 2),
        .task = (scl_task)model->config.data.task};
}

static void close_run(opened_run *run)
{
    scl_train_job_close(&run->job);
    scl_device_close(run->device);
}

/* Whether hypernetwork k is trained by a run with this setting, for each mask. */
static void assert_trained(const char *file, const char *setting, const bool expected[MASKS])
{
    static opened_run run;
    scl_step_graph step = {0};
    scl_step_options options = open_run(&run, file, setting);
    assert_ok(scl_step_graph_build(&options, &step, &test_error));
    assert_int_equal(step.logits->shape.dim[1], 1);
    assert_int_equal(step.iou->shape.dim[1], 1);
    for (int k = 0; k < MASKS; k++) {
        char name[96];
        snprintf(name, sizeof name, "mask_decoder.output_hypernetworks_mlps.%d.layers.0.weight", k);
        const scl_tensor *weight = scl_graph_find(step.graph, name);
        if ((weight != NULL && weight->grad != NULL) != expected[k])
            fail_msg("%s: %s is %strained", setting, name, expected[k] ? "not " : "");
    }
    scl_graph_free(step.graph);
    close_run(&run);
}

static void failing_allocations_are_reported(void **state)
{
    static opened_run run;
    scl_step_options options = open_run(&run, tiny_run_file(*state), "train.multimask=true");
    scl_status status = SCL_DEVICE;
    for (long n = 0; status != SCL_OK; n++) {
        scl_step_graph step = {0};
        scl_error err = {0};
        scl_alloc_fail_after(n);
        status = scl_step_graph_build(&options, &step, &err);
        scl_alloc_fail_after(-1);
        if (status != SCL_OK && (status != SCL_DEVICE || strstr(err.text, "memory") == NULL))
            fail_msg("allocation %ld: %s: %s", n, scl_status_name(status), err.text);
        scl_graph_free(step.graph);
    }
    close_run(&run);
}

static void masks_that_are_not_asked_for_stay_as_they_are(void **state)
{
    const char *file = tiny_run_file(*state);
    assert_trained(file, "train.epochs=1", (bool[]){true, false, false, false});
    assert_trained(file, "train.masks=[1, 2]", (bool[]){false, true, true, false});
    assert_trained(file, "train.masks=[3]", (bool[]){false, false, false, true});
    assert_trained(file, "train.multimask=true", (bool[]){true, true, true, true});
}

/* With their validation, its scores, and a resume in between. */
static void several_masks_are_trained_and_scored(void **state)
{
    static const char *const settings[] = {"train.multimask=true", "train.masks=[0, 1, 2, 3]"};
    const char *file = tiny_run_file(*state);
    for (int i = 0; i < 2; i++) {
        char whole[512], broken[512];
        scl_error err = {0};
        tiny_options o = {.file = file,
                          .settings = {settings[i], "data.prompts=[{point: {count: 1}}, box]"},
                          .setting_count = 2,
                          .run = whole};
        assert_ok(tiny_train(&o, &test_error));
        o.stop_at = 4;
        o.run = broken;
        assert_fails(tiny_train(&o, &err), SCL_INTERRUPTED, err, "--resume");
        tiny_options again = {.resume = broken};
        assert_ok(tiny_train(&again, &test_error));
        assert_same_checkpoint(whole, broken);
    }
}

int main(void)
{
#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, data_setup, data_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_point_alone_is_ambiguous),
        cmocka_unit_test(the_likeliest_eligible_mask_is_shown),
        IN_FOLDER(masks_that_are_not_asked_for_stay_as_they_are),
        IN_FOLDER(several_masks_are_trained_and_scored),
        IN_FOLDER(failing_allocations_are_reported),
    };
    keep_device_open();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
