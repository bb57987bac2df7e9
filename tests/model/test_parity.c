/* A small SAM against segment-anything and transformers: embeddings, masks, scores, gradients. */
#include "kept_device.h"
#include "model/small_sam.h"

#include "graph/compiled.h"
#include "graph/fuse.h"
#include "pattern.h"
#include "predict/predictor.h"
#include "registry.h"

#include <math.h>
#include <stdlib.h>

#define FIXTURES TEST_FIXTURES "/model/"

typedef struct prompt_case {
    const char *name;
    int64_t tokens;
    float pixels[3][2]; /* of the 32 x 32 frame */
    int32_t labels[3];
    bool mask;
} prompt_case;

#define POINT   SCL_LABEL_POSITIVE
#define AWAY    SCL_LABEL_NEGATIVE
#define CORNER0 SCL_LABEL_BOX_TOP_LEFT
#define CORNER1 SCL_LABEL_BOX_BOTTOM_RIGHT
#define END     SCL_LABEL_NOT_A_POINT

static const prompt_case cases[] = {
    {"point", 2, {{9, 20}}, {POINT, END}, false},
    {"two_points", 3, {{9, 20}, {25, 3}}, {POINT, AWAY, END}, false},
    {"box", 2, {{3, 5}, {22, 30}}, {CORNER0, CORNER1}, false},
    {"box_and_point", 3, {{9, 20}, {3, 5}, {22, 30}}, {POINT, CORNER0, CORNER1}, false},
    {"mask", 2, {{9, 20}}, {POINT, END}, true},
    {"none", 0, {{0}}, {0}, false},
};

static float *pattern_image(void)
{
    float *image = malloc(SMALL_IMAGE * SMALL_IMAGE * 3 * sizeof *image);
    for (size_t i = 0; i < SMALL_IMAGE * SMALL_IMAGE * 3; i++)
        image[i] = pattern_float("image", i);
    return image;
}

static float *pattern_masks(int masks)
{
    size_t count = (size_t)masks * SMALL_MASK * SMALL_MASK;
    float *values = malloc(count * sizeof *values);
    for (size_t i = 0; i < count; i++)
        values[i] = 5 * pattern_float("mask", i);
    return values;
}

static float normal_coord(float pixel)
{
    return (pixel + 0.5f) / SMALL_IMAGE;
}

static void check_decoding(scl_predictor *p, const scl_weights *fixture, const prompt_case *c,
                           const char *prefix, scl_mask_choice choice, double tolerance)
{
    size_t masks = (size_t)scl_mask_choice_count(p, choice), pixels = SMALL_MASK * SMALL_MASK;
    float coords[3][2], *mask = pattern_masks(1), iou[3];
    float *logits = malloc(masks * pixels * sizeof *logits);
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 2; k++)
            coords[i][k] = normal_coord(c->pixels[i][k]);
    scl_prompt_set prompts = {.masks = 1,
                              .tokens = c->tokens,
                              .coords = c->tokens > 0 ? coords[0] : NULL,
                              .labels = c->tokens > 0 ? c->labels : NULL,
                              .mask = c->mask ? mask : NULL};
    assert_ok(scl_predictor_decode(p, &prompts, choice, logits, iou, &test_error));
    char name[96];
    const char *kind = choice == SCL_MASK_MULTI ? "multi" : "single";
    snprintf(name, sizeof name, "%s%s.%s.logits", prefix, c->name, kind);
    float *expected = fixture_values(fixture, name, masks * pixels);
    assert_near(name, logits, expected, masks * pixels, tolerance);
    free(expected);
    snprintf(name, sizeof name, "%s%s.%s.iou", prefix, c->name, kind);
    expected = fixture_values(fixture, name, masks);
    assert_near(name, iou, expected, masks, tolerance);
    free(expected);
    free(logits);
    free(mask);
}

static void check_outputs(const char *device_name, scl_sam_flavour flavour, const char *prefix,
                          double tolerance)
{
    scl_device *device = NULL;
    scl_model *model = NULL;
    scl_predictor *p = NULL;
    scl_weights fixture;
    assert_ok(scl_device_open(device_name, &device, &test_error));
    assert_ok(scl_weights_load(FIXTURES "outputs.safetensors", &fixture, &test_error));
    char *path = small_checkpoint(flavour);
    scl_model_config section = scl_model_config_unset();
    section.checkpoint = path;
    section.decoder_num_heads = 2; /* what shapes can't say */
    scl_model_source source = {.section = &section};
    assert_ok(scl_model_open(device, &source, &model, &test_error));
    assert_int_equal(model->config.flavour, flavour);
    assert_ok(scl_predictor_create(model, NULL, &p, &test_error));
    float *image = pattern_image(), *embedding = malloc(SMALL_EMBEDDING * sizeof *embedding);
    assert_ok(scl_predictor_encode(p, image, &test_error));
    assert_ok(scl_predictor_get_embedding(p, embedding, &test_error));
    char name[32];
    snprintf(name, sizeof name, "%sembedding", prefix);
    float *expected = fixture_values(&fixture, name, SMALL_EMBEDDING);
    assert_near(name, embedding, expected, SMALL_EMBEDDING, tolerance);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (flavour == SCL_SAM_META)
            check_decoding(p, &fixture, &cases[i], prefix, SCL_MASK_SINGLE, tolerance);
        check_decoding(p, &fixture, &cases[i], prefix, SCL_MASK_MULTI, tolerance);
    }
    remove(path);
    free(path);
    free(image);
    free(embedding);
    free(expected);
    scl_weights_free(&fixture);
    scl_predictor_free(p);
    scl_model_free(model);
    assert_int_equal(device->bytes_in_use, 0);
    scl_device_close(device);
}

static void outputs_equal_segment_anything(void **state)
{
    (void)state;
    check_outputs("reference", SCL_SAM_META, "", 1e-6);
    check_outputs(test_device_name(), SCL_SAM_META, "", 2e-5);
}

static void outputs_equal_transformers(void **state)
{
    (void)state;
    check_outputs("reference", SCL_SAM_HF, "hf.", 1e-6);
    check_outputs(test_device_name(), SCL_SAM_HF, "hf.", 2e-5);
}

/* ---- gradients */

static bool train_all(void *user, const char *parameter)
{
    (void)user;
    (void)parameter;
    return true;
}

typedef struct grad_graph {
    scl_graph *graph;
    scl_tensor *image, *coords, *labels, *boxes_coords, *boxes_labels, *mask, *loss;
} grad_graph;

static scl_tensor *weighted_sum(scl_graph *g, scl_tensor *x, const char *pattern)
{
    size_t count = (size_t)scl_shape_count(x->shape);
    float *weights = malloc(count * sizeof *weights);
    for (size_t i = 0; i < count; i++)
        weights[i] = pattern_float(pattern, i);
    scl_tensor *w = scl_constant(g, weights, x->shape);
    free(weights);
    return scl_reshape(g, scl_sum(g, scl_mul(g, x, w), 0, x->shape.ndim), SCL_SHAPE(1));
}

static scl_tensor *decode_part(const scl_sam *m, scl_tensor *embedding,
                               const scl_sam_prompts *prompts, int part)
{
    char logits[16], iou[16];
    snprintf(logits, sizeof logits, "dlogits%d", part);
    snprintf(iou, sizeof iou, "diou%d", part);
    scl_sam_masks out = scl_sam_decode(m, embedding, prompts, 2, 0, SCL_SAM_MASK_TOKENS);
    assert_non_null(out.logits);
    return scl_add(m->graph, weighted_sum(m->graph, out.logits, logits),
                   weighted_sum(m->graph, out.iou, iou));
}

/* The loss of gradients_meta in make_model_fixtures.py. */
static grad_graph build_gradients(const scl_sam_config *config)
{
    const scl_adaptation adaptation = {.trains = train_all};
    grad_graph n = {.graph = scl_graph_create(&test_error)};
    scl_graph *g = n.graph;
    scl_sam m = {.graph = g, .config = config, .adaptation = &adaptation};
    n.image = scl_input(g, "image", SCL_F32, SCL_SHAPE(1, SMALL_IMAGE, SMALL_IMAGE, 3));
    n.coords = scl_input(g, "coords", SCL_F32, SCL_SHAPE(2, 2, 2));
    n.labels = scl_input(g, "labels", SCL_I32, SCL_SHAPE(2, 2));
    n.boxes_coords = scl_input(g, "boxes_coords", SCL_F32, SCL_SHAPE(2, 3, 2));
    n.boxes_labels = scl_input(g, "boxes_labels", SCL_I32, SCL_SHAPE(2, 3));
    n.mask = scl_input(g, "mask", SCL_F32, SCL_SHAPE(2, SMALL_MASK, SMALL_MASK, 1));
    scl_tensor *embedding = scl_sam_image_encoder(&m, n.image);
    scl_sam_prompts all = {.coords = n.boxes_coords, .labels = n.boxes_labels, .mask = n.mask};
    scl_sam_prompts points = {.coords = n.coords, .labels = n.labels};
    n.loss =
        scl_add(g, decode_part(&m, embedding, &all, 0), decode_part(&m, embedding, &points, 1));
    n.loss->keep = true;
    assert_ok(scl_autodiff(g, n.loss, &test_error));
    for (size_t i = 0; i < g->tensor_count; i++)
        if (g->tensors[i]->grad != NULL)
            g->tensors[i]->grad->keep = true;
    assert_ok(scl_graph_fuse(g, &test_error));
    return n;
}

static void write_gradient_inputs(const grad_graph *n, scl_schedule *s)
{
    const float pixels[2][2] = {{9, 20}, {25, 3}};
    const float boxes[2][4] = {{3, 5, 22, 30}, {1, 2, 12, 9}};
    const int32_t labels[4] = {POINT, END, AWAY, END};
    const int32_t boxes_labels[6] = {POINT, CORNER0, CORNER1, AWAY, CORNER0, CORNER1};
    float coords[8] = {0}, boxes_coords[12];
    for (int p = 0; p < 2; p++)
        for (int k = 0; k < 2; k++) {
            coords[p * 4 + k] = boxes_coords[p * 6 + k] = normal_coord(pixels[p][k]);
            boxes_coords[p * 6 + 2 + k] = normal_coord(boxes[p][k]);
            boxes_coords[p * 6 + 4 + k] = normal_coord(boxes[p][2 + k]);
        }
    float *image = pattern_image(), *mask = pattern_masks(2);
    assert_ok(
        scl_schedule_write(s, n->image, 0, image, SMALL_IMAGE * SMALL_IMAGE * 3, &test_error));
    assert_ok(scl_schedule_write(s, n->coords, 0, coords, 8, &test_error));
    assert_ok(scl_schedule_write(s, n->labels, 0, labels, 4, &test_error));
    assert_ok(scl_schedule_write(s, n->boxes_coords, 0, boxes_coords, 12, &test_error));
    assert_ok(scl_schedule_write(s, n->boxes_labels, 0, boxes_labels, 6, &test_error));
    assert_ok(scl_schedule_write(s, n->mask, 0, mask, 2 * SMALL_MASK * SMALL_MASK, &test_error));
    free(image);
    free(mask);
}

/* What a gradient that must be 0 may be instead: softmax does not see a key projection's bias. */
#define ROUNDING_NORM 1e-5

/* Relative L2 error of one parameter's gradient. */
static void check_gradient(scl_schedule *s, const scl_weights *fixture, const scl_tensor *param,
                           double tolerance)
{
    size_t count = (size_t)scl_shape_count(param->shape);
    char name[160];
    snprintf(name, sizeof name, "grad.%s", param->name);
    if (param->grad == NULL)
        fail_msg("%s has no gradient", param->name);
    float *found = malloc(count * sizeof *found), *expected = fixture_values(fixture, name, count);
    assert_ok(scl_schedule_read(s, param->grad, 0, found, count, &test_error));
    double error = 0, norm = 0;
    for (size_t i = 0; i < count; i++) {
        double d = (double)found[i] - (double)expected[i];
        error += d * d;
        norm += (double)expected[i] * (double)expected[i];
    }
    if (!(sqrt(error) <= tolerance * sqrt(norm) + ROUNDING_NORM))
        fail_msg("the gradient of %s is off by %.2e of its norm %.3g", param->name,
                 sqrt(error / norm), sqrt(norm));
    free(found);
    free(expected);
}

static void check_gradients(const char *device_name, double tolerance)
{
    scl_device *device = NULL;
    scl_weights fixture;
    scl_compiled c;
    assert_ok(scl_device_open(device_name, &device, &test_error));
    assert_ok(scl_weights_load(FIXTURES "gradients.safetensors", &fixture, &test_error));
    scl_sam_config config = small_config(SCL_SAM_META);
    scl_store *store = small_store(device, &config);
    grad_graph n = build_gradients(&config);
    assert_ok(scl_compile(n.graph, NULL, 0, store, &c, &test_error));
    write_gradient_inputs(&n, c.schedule);
    assert_ok(scl_schedule_run(c.schedule, 0, c.plan->node_count, &test_error));
    float loss = 0, *expected = fixture_values(&fixture, "loss", 1);
    assert_ok(scl_schedule_read(c.schedule, n.loss, 0, &loss, 1, &test_error));
    assert_near("loss", &loss, expected, 1, tolerance);
    int checked = 0;
    for (size_t i = 0; i < n.graph->tensor_count; i++)
        if (n.graph->tensors[i]->trained) {
            check_gradient(c.schedule, &fixture, n.graph->tensors[i], tolerance);
            checked++;
        }
    assert_int_equal(checked, fixture.count - 1);
    free(expected);
    scl_compiled_free(&c);
    scl_store_free(store);
    scl_weights_free(&fixture);
    assert_int_equal(device->bytes_in_use, 0);
    scl_device_close(device);
}

static void gradients_equal_autograd(void **state)
{
    (void)state;
    check_gradients("reference", 1e-5);
    check_gradients(test_device_name(), 1e-4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outputs_equal_segment_anything),
        cmocka_unit_test(outputs_equal_transformers),
        cmocka_unit_test(gradients_equal_autograd),
    };
    keep_device_open();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
