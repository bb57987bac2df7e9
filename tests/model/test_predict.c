/* Requests against segment-anything's SamPredictor: masks, scores and logits of a small SAM. */
#include "kept_device.h"
#include "model/small_sam.h"

#include "base/mem.h"
#include "io/npy.h"
#include "pattern.h"
#include "predict/answer.h"
#include "predict/input_image.h"
#include "registry.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

/* Those of tests/reference/make_predict_fixtures.py. */
#define WIDTH  50
#define HEIGHT 37
static const scl_request_point points[] = {{14, 20, 1}, {41.5, 3, 0}};
static const scl_request_box boxes[] = {{3, 5, 30, 33.5}, {0, 0, WIDTH, HEIGHT}, {20, 2, 49, 20}};
static float mask_prompt[SMALL_MASK * SMALL_MASK];

static const struct {
    const char *name;
    scl_request request;
} cases[] = {
    {"none", {0}},
    {"point", {.points = points, .point_count = 1}},
    {"two_points", {.points = points, .point_count = 2}},
    {"box", {.boxes = boxes, .box_count = 1}},
    {"box_and_point", {.points = points, .point_count = 1, .boxes = boxes, .box_count = 1}},
    {"mask", {.points = points, .point_count = 1, .masks = mask_prompt, .mask_count = 1}},
    {"multimask", {.points = points, .point_count = 1, .multimask = true}},
    {"boxes", {.boxes = boxes, .box_count = 3}},
};

typedef struct fixture {
    scl_device *device;
    scl_model *model;
    scl_predictor *predictor;
    scl_input_image image;
    scl_weights expected;
    char *checkpoint;
} fixture;

static void read_picture(scl_input_image *image)
{
    char path[] = "/tmp/samcl-test-XXXXXX";
    close(mkstemp(path));
    scl_image file = {0};
    assert_ok(scl_image_make(&file, WIDTH, HEIGHT, 3, 8, &test_error));
    pattern_fill(file.data, (size_t)WIDTH * HEIGHT * 3);
    assert_ok(scl_image_write_png(path, &file, &test_error));
    scl_image_free(&file);
    assert_ok(scl_input_image_read(image, path, SCL_RANGE_FULL, SMALL_IMAGE, &test_error));
    unlink(path);
}

static void open_fixture(fixture *f, const char *device, int64_t classes)
{
    *f = (fixture){.checkpoint = small_checkpoint(SCL_SAM_META)};
    scl_model_config section = scl_model_config_unset();
    section.checkpoint = f->checkpoint;
    section.decoder_num_heads = 2; /* what shapes can't say */
    scl_model_source source = {.section = &section, .classes = classes};
    assert_ok(scl_device_open(device, &f->device, &test_error));
    assert_ok(scl_model_open(f->device, &source, &f->model, &test_error));
    assert_ok(scl_predictor_create(f->model, NULL, &f->predictor, &test_error));
    assert_ok(
        scl_weights_load(TEST_FIXTURES "/model/predict.safetensors", &f->expected, &test_error));
    read_picture(&f->image);
    assert_ok(scl_input_image_encode(&f->image, f->predictor, &test_error));
    for (size_t i = 0; i < SMALL_MASK * SMALL_MASK; i++)
        mask_prompt[i] = 5 * pattern_float("mask", i);
}

static void close_fixture(fixture *f)
{
    scl_input_image_free(&f->image);
    scl_predictor_free(f->predictor);
    scl_model_free(f->model);
    scl_weights_free(&f->expected);
    assert_int_equal(f->device->bytes_in_use, 0);
    scl_device_close(f->device);
    unlink(f->checkpoint);
    free(f->checkpoint);
}

static float *expected_values(const fixture *f, const char *name, const char *what, size_t count)
{
    char key[64];
    snprintf(key, sizeof key, "%s%s%s", name, what[0] != '\0' ? "." : "", what);
    return fixture_values(&f->expected, key, count);
}

/* Pixels may differ only where the logit is next to 0. */
static void check_pixels(const scl_answer *a, size_t i, const float *expected, const char *name)
{
    scl_postprocess post = {0};
    const float *low = a->logits + i * SMALL_MASK * SMALL_MASK;
    float *logits = malloc(WIDTH * HEIGHT * sizeof *logits), largest = 0;
    size_t area = 0, differing = 0;
    assert_ok(scl_postprocess_logits(&post, low, SMALL_MASK, &a->frame, logits, &test_error));
    for (size_t k = 0; k < WIDTH * HEIGHT; k++)
        largest = fmaxf(largest, fabsf(logits[k]));
    for (size_t k = 0; k < WIDTH * HEIGHT; k++) {
        bool inside = logits[k] > 0, wanted = expected[k] > 0;
        area += inside;
        differing += inside != wanted;
        if (inside != wanted && fabsf(logits[k]) > 1e-3f * largest)
            fail_msg("%s: pixel %zu of mask %zu is %d, and its logit is %g", name, k, i, inside,
                     (double)logits[k]);
    }
    assert_true(differing <= 2);
    assert_int_equal(a->found[i].area, area);
    scl_postprocess_free(&post);
    free(logits);
}

static void check_case(fixture *f, const char *name, const scl_request *request)
{
    scl_answer a;
    size_t pixels = SMALL_MASK * SMALL_MASK;
    assert_ok(scl_request_check(request, &f->image.frame, 0, &test_error));
    assert_ok(scl_answer_make(&a, f->predictor, &f->model->config, request, &f->image.frame,
                              &test_error));
    assert_int_equal(a.count, request->multimask ? 3 : scl_request_count(request));
    float *logits = expected_values(f, name, "logits", a.count * pixels);
    float *iou = expected_values(f, name, "iou", a.count);
    float *masks = expected_values(f, name, "masks", a.count * WIDTH * HEIGHT);
    assert_near(name, a.logits, logits, a.count * pixels, 1e-4);
    for (size_t i = 0; i < a.count; i++) {
        assert_true(fabsf(a.found[i].predicted_iou - iou[i]) < 1e-4f);
        assert_int_equal(a.found[i].prompt, request->multimask ? 0 : i);
        assert_int_equal(a.found[i].alternative, request->multimask ? i : 0);
        check_pixels(&a, i, masks + i * WIDTH * HEIGHT, name);
    }
    free(logits);
    free(iou);
    free(masks);
    scl_answer_free(&a);
}

static void check_all(const char *device)
{
    fixture f;
    open_fixture(&f, device, 0);
    float embedding[SMALL_EMBEDDING], transposed[SMALL_EMBEDDING];
    assert_ok(scl_predictor_get_embedding(f.predictor, embedding, &test_error));
    for (size_t i = 0; i < SMALL_EMBEDDING; i++)
        transposed[i % 16 * SMALL_GRID * SMALL_GRID + i / 16] = embedding[i];
    float *expected = expected_values(&f, "embedding", "", SMALL_EMBEDDING);
    assert_near("embedding", transposed, expected, SMALL_EMBEDDING, 1e-4);
    free(expected);
    for (int round = 0; round < 2; round++) /* a kept decoder does part of its work only once */
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
            check_case(&f, cases[i].name, &cases[i].request);
    close_fixture(&f);
}

static void answers_equal_sam_predictor(void **state)
{
    (void)state;
    check_all("reference");
    check_all(test_device_name());
}

/* ---- ids, boxes, choices */

static uint8_t *mask_of(const scl_answer *a, size_t i)
{
    scl_postprocess post = {0};
    uint8_t *mask = malloc(WIDTH * HEIGHT);
    assert_ok(scl_postprocess_mask(&post, a->logits + i * SMALL_MASK * SMALL_MASK, SMALL_MASK,
                                   &a->frame, mask, &test_error));
    scl_postprocess_free(&post);
    return mask;
}

static void the_higher_predicted_iou_wins_a_pixel(void **state)
{
    (void)state;
    fixture f;
    scl_answer a;
    static uint16_t ids[WIDTH * HEIGHT];
    open_fixture(&f, "reference", 0);
    assert_ok(scl_answer_make(&a, f.predictor, &f.model->config, &cases[7].request, &f.image.frame,
                              &test_error));
    assert_ok(scl_answer_ids(&a, SCL_ANSWER_CHOSEN, ids, &test_error));
    uint8_t *mask[3] = {mask_of(&a, 0), mask_of(&a, 1), mask_of(&a, 2)};
    size_t contested = 0;
    for (size_t i = 0; i < WIDTH * HEIGHT; i++) {
        uint16_t wanted = 0;
        for (uint16_t k = 0; k < 3; k++)
            if (mask[k][i] &&
                (wanted == 0 || a.found[k].predicted_iou > a.found[wanted - 1].predicted_iou))
                wanted = (uint16_t)(k + 1);
        contested += mask[0][i] + mask[1][i] + mask[2][i] > 1;
        assert_int_equal(ids[i], wanted);
    }
    assert_true(contested > 0);
    for (int k = 0; k < 3; k++) {
        const int *box = a.found[k].box;
        size_t inside = 0;
        for (int y = box[1]; y <= box[3]; y++)
            for (int x = box[0]; x <= box[2]; x++)
                inside += mask[k][y * WIDTH + x];
        assert_int_equal(inside, a.found[k].area);
        free(mask[k]);
    }
    scl_answer_free(&a);
    close_fixture(&f);
}

static void multimask_chooses_the_highest_predicted_iou(void **state)
{
    (void)state;
    fixture f;
    scl_answer a;
    static uint16_t chosen[WIDTH * HEIGHT], ids[WIDTH * HEIGHT];
    scl_request request = cases[7].request;
    request.multimask = true;
    open_fixture(&f, "reference", 0);
    assert_ok(
        scl_answer_make(&a, f.predictor, &f.model->config, &request, &f.image.frame, &test_error));
    assert_int_equal(a.count, 9);
    for (size_t p = 0; p < 3; p++) {
        size_t found = 0;
        for (size_t k = 3 * p; k < 3 * p + 3; k++) {
            found += a.found[k].chosen;
            assert_int_equal(a.found[k].prompt, p);
            for (size_t j = 3 * p; j < 3 * p + 3 && a.found[k].chosen; j++)
                assert_true(a.found[j].predicted_iou <= a.found[k].predicted_iou);
        }
        assert_int_equal(found, 1);
    }
    scl_answer_free(&a);
    request = cases[6].request;
    assert_ok(
        scl_answer_make(&a, f.predictor, &f.model->config, &request, &f.image.frame, &test_error));
    assert_ok(scl_answer_ids(&a, SCL_ANSWER_CHOSEN, chosen, &test_error));
    for (size_t k = 0; k < 3; k++) {
        assert_ok(scl_answer_ids(&a, k, ids, &test_error));
        uint8_t *mask = mask_of(&a, k);
        for (size_t i = 0; i < WIDTH * HEIGHT; i++)
            assert_int_equal(ids[i], mask[i]);
        if (a.found[k].chosen)
            assert_memory_equal(ids, chosen, sizeof ids);
        free(mask);
    }
    scl_answer_free(&a);
    close_fixture(&f);
}

static void classes_give_one_map(void **state)
{
    (void)state;
    fixture f;
    scl_answer a;
    static uint16_t ids[WIDTH * HEIGHT];
    size_t area[3] = {0};
    open_fixture(&f, "reference", 3);
    /* a new head gives each class the same logits: tell them apart */
    const char *token = "mask_decoder.mask_tokens.weight";
    float tokens[3 * 16];
    for (size_t i = 0; i < 48; i++)
        tokens[i] = pattern_float("tokens", i);
    assert_ok(scl_store_set(f.model->store, token, SCL_TENSOR_PARAM,
                            scl_store_find(f.model->store, token)->shape, tokens, &test_error));
    assert_ok(scl_answer_make(&a, f.predictor, &f.model->config, &cases[3].request, &f.image.frame,
                              &test_error));
    assert_int_equal(a.count, 3);
    assert_ok(scl_answer_ids(&a, SCL_ANSWER_CHOSEN, ids, &test_error));
    for (size_t i = 0; i < WIDTH * HEIGHT; i++)
        area[ids[i]]++;
    assert_true((area[0] > 0) + (area[1] > 0) + (area[2] > 0) > 1);
    for (size_t k = 0; k < 3; k++)
        assert_int_equal(a.found[k].area, area[k]);
    scl_answer_free(&a);
    close_fixture(&f);
}

/* ---- what is refused */

#define assert_refused(words, classes, ...)                                                        \
    do {                                                                                           \
        scl_error err = {0};                                                                       \
        scl_frame frame = scl_frame_make(WIDTH, HEIGHT, SMALL_IMAGE);                              \
        scl_request request = {__VA_ARGS__};                                                       \
        assert_fails(scl_request_check(&request, &frame, classes, &err), SCL_BAD_CONFIG, err,      \
                     words);                                                                       \
    } while (0)

#define ONE_POINT(...) .points = &(scl_request_point){__VA_ARGS__}, .point_count = 1
#define ONE_BOX(...)   .boxes = &(scl_request_box){__VA_ARGS__}, .box_count = 1

static void wrong_requests_are_refused(void **state)
{
    (void)state;
    assert_refused("at most one box with points", 0, .points = points, .point_count = 1,
                   .boxes = boxes, .box_count = 2);
    assert_refused("2 mask prompts ask for", 0, .points = points, .point_count = 1,
                   .masks = mask_prompt, .mask_count = 2);
    assert_refused("found 3 boxes and 2 mask prompts", 0, .boxes = boxes, .box_count = 3,
                   .masks = mask_prompt, .mask_count = 2);
    assert_refused("leave multimask out", 4, .multimask = true);
    assert_refused("one map of 4 classes", 4, .boxes = boxes, .box_count = 2);
    assert_refused("50 x 37 pixels: x goes from 0 to 49", 0, ONE_POINT(50, 3, 1));
    assert_refused("outside the image", 0, ONE_POINT(3, -0.1, 1));
    assert_refused("outside the image", 0, ONE_POINT(NAN, 3, 1));
    assert_refused("must be 1 (part of the object) or 0", 0, ONE_POINT(3, 3, 2));
    assert_refused("lies outside the image of 50 x 37", 0, ONE_BOX(3, 3, 50.5, 20));
    assert_refused("outside", 0, ONE_BOX(3, 3, NAN, 20));
    assert_refused("is empty: expected x0,y0,x1,y1", 0, ONE_BOX(20, 3, 3, 20));
    assert_refused("is empty", 0, ONE_BOX(3, 3, 3, 20));
}

static void mask_prompts_are_read_and_checked(void **state)
{
    (void)state;
    char path[] = "/tmp/samcl-test-XXXXXX";
    float values[16], found[16];
    close(mkstemp(path));
    for (int i = 0; i < 16; i++)
        values[i] = (float)i - 7.5f;
    assert_ok(scl_npy_write_f32(path, 2, (int64_t[]){4, 4}, values, &test_error));
    assert_ok(scl_request_mask_read(path, 4, found, &test_error));
    assert_memory_equal(found, values, sizeof values);
    assert_ok(scl_npy_write_f32(path, 4, (int64_t[]){1, 1, 4, 4}, values, &test_error));
    assert_ok(scl_request_mask_read(path, 4, found, &test_error));
    const int64_t wrong[][3] = {{1, 2, 8}, {2, 4, 2}, {1, 1, 16}};
    for (int i = 0; i < 3; i++) {
        scl_error err = {0};
        assert_ok(scl_npy_write_f32(path, 3, wrong[i], values, &test_error));
        assert_fails(scl_request_mask_read(path, 4, found, &err), SCL_BAD_DATA, err, "4 x 4");
    }
    scl_error err = {0};
    values[5] = INFINITY;
    assert_ok(scl_npy_write_f32(path, 2, (int64_t[]){4, 4}, values, &test_error));
    assert_fails(scl_request_mask_read(path, 4, found, &err), SCL_BAD_DATA, err, "value 5");
    unlink(path);
}

/* Each allocation fails in its turn: out of memory, and nothing leaks. */
static void failing_allocations_are_reported(void **state)
{
    (void)state;
    fixture f;
    scl_answer a;
    scl_status status = SCL_DEVICE;
    static uint16_t ids[WIDTH * HEIGHT];
    open_fixture(&f, "reference", 0);
    assert_ok(scl_answer_make(&a, f.predictor, &f.model->config, &cases[7].request, &f.image.frame,
                              &test_error)); /* the decoder's graph is kept */
    scl_answer_free(&a);
    long n = 0;
    for (; status != SCL_OK; n++) {
        scl_error err = {0};
        scl_alloc_fail_after(n);
        status = scl_answer_make(&a, f.predictor, &f.model->config, &cases[7].request,
                                 &f.image.frame, &err);
        if (status == SCL_OK) {
            status = scl_answer_ids(&a, SCL_ANSWER_CHOSEN, ids, &err);
            scl_answer_free(&a);
        }
        scl_alloc_fail_after(-1);
        if (status != SCL_OK && (status != SCL_DEVICE || strstr(err.text, "memory") == NULL))
            fail_msg("allocation %ld: %s: %s", n, scl_status_name(status), err.text);
    }
    assert_true(n > 8);
    close_fixture(&f);
}

/* The encoder makes room for a decoder that does not fit beside it, and comes back. */
static void little_memory_gives_the_same_logits(void **state)
{
    (void)state;
    fixture f;
    open_fixture(&f, "auto", 0);
    float expected[SMALL_MASK * SMALL_MASK], found[SMALL_MASK * SMALL_MASK];
    const float coords[2] = {0.4f, 0.6f};
    const int32_t labels[1] = {SCL_LABEL_POSITIVE};
    const scl_prompt_set one = {.masks = 1, .tokens = 1, .coords = coords, .labels = labels};
    assert_ok(
        scl_predictor_decode(f.predictor, &one, SCL_MASK_SINGLE, expected, NULL, &test_error));
    size_t together = f.device->bytes_in_use;
    scl_predictor_free(f.predictor);
    size_t weights = f.device->bytes_in_use;
    f.device->memory_budget = together - 1;
    assert_ok(scl_predictor_create(f.model, NULL, &f.predictor, &test_error));
    for (int i = 0; i < 2; i++) {
        assert_ok(scl_input_image_encode(&f.image, f.predictor, &test_error));
        assert_ok(
            scl_predictor_decode(f.predictor, &one, SCL_MASK_SINGLE, found, NULL, &test_error));
        assert_memory_equal(found, expected, sizeof found);
        if (i == 0)
            f.device->memory_budget = 0;
    }
    scl_predictor_free(f.predictor);
    scl_error err = {0};
    f.device->memory_budget = weights + 1000;
    assert_ok(scl_predictor_create(f.model, NULL, &f.predictor, &test_error));
    assert_fails(scl_input_image_encode(&f.image, f.predictor, &err), SCL_DEVICE, err,
                 "the memory budget is");
    close_fixture(&f);
}

/* The device keeps an embedding from prompt to prompt, but not from image to image. */
static void each_prompt_meets_the_last_embedding(void **state)
{
    (void)state;
    fixture f;
    open_fixture(&f, "auto", 0);
    static float embeddings[2][SMALL_EMBEDDING], logits[3][SMALL_MASK * SMALL_MASK];
    const float coords[2] = {0.4f, 0.6f};
    const int32_t labels[1] = {SCL_LABEL_POSITIVE};
    const scl_prompt_set one = {.masks = 1, .tokens = 1, .coords = coords, .labels = labels};
    assert_ok(scl_predictor_get_embedding(f.predictor, embeddings[0], &test_error));
    for (int i = 0; i < SMALL_EMBEDDING; i++)
        embeddings[1][i] = -embeddings[0][i];
    for (int i = 0; i < 3; i++) {
        assert_ok(scl_predictor_set_embedding(f.predictor, embeddings[i % 2], &test_error));
        for (int again = 0; again < 2; again++)
            assert_ok(scl_predictor_decode(f.predictor, &one, SCL_MASK_SINGLE, logits[i], NULL,
                                           &test_error));
    }
    assert_memory_equal(logits[0], logits[2], sizeof logits[0]);
    assert_memory_not_equal(logits[0], logits[1], sizeof logits[0]);
    close_fixture(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_equal_sam_predictor),
        cmocka_unit_test(the_higher_predicted_iou_wins_a_pixel),
        cmocka_unit_test(multimask_chooses_the_highest_predicted_iou),
        cmocka_unit_test(classes_give_one_map),
        cmocka_unit_test(wrong_requests_are_refused),
        cmocka_unit_test(mask_prompts_are_read_and_checked),
        cmocka_unit_test(failing_allocations_are_reported),
        cmocka_unit_test(little_memory_gives_the_same_logits),
        cmocka_unit_test(each_prompt_meets_the_last_embedding),
    };
    keep_device_open();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
