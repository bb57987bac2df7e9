/* samcl predict and samcl encode: what they write, and what they refuse. */
#include "cli/models.h"
#include "cli/program.h"

#include "base/file.h"
#include "io/image.h"
#include "io/json.h"
#include "io/npy.h"
#include "model/small_sam.h"

#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIXELS   ((size_t)PICTURE_WIDTH * PICTURE_HEIGHT)
#define PREDICT  "predict", BASE, REFERENCE
#define BOXES    ONE_BOX, "--box", "0,0,50,37", "--box", "20,2,49,20"
#define FIXTURES TEST_FIXTURES "/model/predict.safetensors"

static int make_files(void **state)
{
    program_enter_folder(state);
    write_picture();
    write_base();
    return 0;
}

/* ---- reading what was written */

static uint8_t *read_gray(const char *path)
{
    scl_image image = {0};
    assert_ok(scl_image_read(path, &image, &test_error));
    assert_int_equal(image.width, PICTURE_WIDTH);
    assert_int_equal(image.height, PICTURE_HEIGHT);
    assert_int_equal(image.channels, 1);
    assert_int_equal(image.depth, 8);
    return image.data;
}

static float *expected(const char *name, size_t count)
{
    scl_weights fixture;
    assert_ok(scl_weights_load(FIXTURES, &fixture, &test_error));
    float *values = fixture_values(&fixture, name, count);
    scl_weights_free(&fixture);
    return values;
}

/* Differs from segment-anything's mask in at most 2 pixels. */
static void assert_mask(const uint8_t *pixels, uint8_t value, const float *mask)
{
    size_t differing = 0;
    for (size_t i = 0; i < PIXELS; i++) {
        assert_true(pixels[i] == 0 || pixels[i] == value);
        differing += (pixels[i] > 0) != (mask[i] > 0);
    }
    assert_true(differing <= 2);
}

static void check_logits(const char *path, const char *name, size_t masks)
{
    scl_npy npy;
    size_t count = masks * SMALL_MASK * SMALL_MASK;
    assert_ok(scl_npy_read(path, &npy, &test_error));
    assert_int_equal(npy.array.dtype, SCL_WEIGHT_F32);
    assert_int_equal(npy.array.ndim, 3);
    assert_int_equal(npy.array.dim[0], masks);
    assert_int_equal(npy.array.dim[1], SMALL_MASK);
    assert_int_equal(npy.array.dim[2], SMALL_MASK);
    float *wanted = expected(name, count), *found = malloc(count * sizeof *found);
    scl_weight_to_f32(&npy.array, found);
    assert_near(name, found, wanted, count, 1e-4);
    free(wanted);
    free(found);
    scl_npy_free(&npy);
}

static cJSON *load_json(const char *path)
{
    cJSON *root = NULL;
    assert_ok(scl_json_load(path, &root, &test_error));
    return root;
}

static double number(const cJSON *object, const char *key)
{
    double value = 0;
    assert_ok(scl_json_number(object, key, "r.json", &value, &test_error));
    return value;
}

/* ---- predict */

static void one_box_gives_one_mask(void **state)
{
    (void)state;
    EXPECT(0, "", PREDICT, PICTURE, ONE_BOX, "--out", "m.png", "--overlay", "o.png", "--json",
           "r.json", "--logits", "l.npy");
    uint8_t *mask = read_gray("m.png");
    float *wanted = expected("box.masks", PIXELS), *iou = expected("box.iou", 1);
    assert_mask(mask, 255, wanted);
    check_logits("l.npy", "box.logits", 1);
    cJSON *root = load_json("r.json"), *masks = cJSON_GetObjectItem(root, "masks");
    assert_int_equal(cJSON_GetArraySize(masks), 1);
    const cJSON *first = cJSON_GetArrayItem(masks, 0);
    size_t area = 0;
    for (size_t i = 0; i < PIXELS; i++)
        area += mask[i] > 0;
    assert_int_equal((size_t)number(first, "area"), area);
    assert_true(fabs(number(first, "predicted_iou") - (double)iou[0]) < 1e-4);
    assert_int_equal((int)number(root, "width"), PICTURE_WIDTH);
    assert_int_equal((int)number(root, "height"), PICTURE_HEIGHT);
    assert_string_equal(cJSON_GetObjectItem(root, "model_type")->valuestring, "custom");
    scl_image overlay = {0};
    assert_ok(scl_image_read("o.png", &overlay, &test_error));
    assert_int_equal(overlay.channels, 3);
    assert_int_equal(overlay.width, PICTURE_WIDTH);
    scl_image_free(&overlay);
    cJSON_Delete(root);
    scl_free(mask);
    free(wanted);
    free(iou);
}

static void several_boxes_give_ids(void **state)
{
    (void)state;
    EXPECT(0, "", PREDICT, PICTURE, BOXES, "--out", "ids.png", "--json", "r.json", "--logits",
           "l.npy");
    check_logits("l.npy", "boxes.logits", 3);
    uint8_t *ids = read_gray("ids.png");
    float *masks = expected("boxes.masks", 3 * PIXELS);
    size_t differing = 0;
    for (size_t i = 0; i < PIXELS; i++) {
        assert_true(ids[i] <= 3);
        bool any = masks[i] > 0 || masks[PIXELS + i] > 0 || masks[2 * PIXELS + i] > 0;
        differing += any != (ids[i] > 0) || (ids[i] > 0 && masks[(ids[i] - 1u) * PIXELS + i] == 0);
    }
    assert_true(differing <= 4);
    cJSON *root = load_json("r.json");
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(root, "masks")), 3);
    cJSON_Delete(root);
    scl_free(ids);
    free(masks);
}

static void multimask_writes_each_alternative(void **state)
{
    (void)state;
    EXPECT(0, "", PREDICT, PICTURE, "--point", "14,20,1", "--multimask", "--out", "a.png", "--json",
           "r.json", "--logits", "l.npy");
    check_logits("l.npy", "multimask.logits", 3);
    float *masks = expected("multimask.masks", 3 * PIXELS);
    cJSON *root = load_json("r.json"), *list = cJSON_GetObjectItem(root, "masks");
    uint8_t *chosen = read_gray("a.png");
    size_t same = 0;
    for (int k = 0; k < 3; k++) {
        char path[16];
        snprintf(path, sizeof path, "a-%d.png", k + 1);
        uint8_t *mask = read_gray(path);
        assert_mask(mask, 255, masks + (size_t)k * PIXELS);
        if (cJSON_IsTrue(cJSON_GetObjectItem(cJSON_GetArrayItem(list, k), "chosen"))) {
            assert_memory_equal(mask, chosen, PIXELS);
            same++;
        }
        scl_free(mask);
    }
    assert_int_equal(same, 1);
    scl_free(chosen);
    free(masks);
    cJSON_Delete(root);
}

static void logits_can_be_refined(void **state)
{
    (void)state;
    EXPECT(0, "", PREDICT, PICTURE, ONE_BOX, "--logits", "first.npy");
    EXPECT(0, "mask 1: ", PREDICT, PICTURE, ONE_BOX, "--mask-prompt", "first.npy");
    EXPECT(0, "", PREDICT, PICTURE, BOXES, "--logits", "three.npy");
    EXPECT(3, "32 x 32", PREDICT, PICTURE, "--mask-prompt", "three.npy", "--out", "x.png");
}

static void without_an_output_masks_are_printed(void **state)
{
    (void)state;
    EXPECT(0, "mask 1: ", PREDICT, PICTURE);
    EXPECT(0, "mask 3: ", PREDICT, PICTURE, BOXES);
    EXPECT(0, "alternative 3", PREDICT, PICTURE, "--point", "3,3,0", "--multimask");
}

static void a_model_with_classes_gives_their_ids(void **state)
{
    (void)state;
    const char *settings[] = {"data.task=multiclass", "data.classes=3",
                              "data.class_names=[sky, tree, road]",
                              "losses=[{use: cross_entropy}]"};
    write_tuned("classes.safetensors", settings, 4);
    EXPECT(0, "", "predict", "--adapter", "classes.safetensors", REFERENCE, PICTURE, "--out",
           "c.png", "--json", "c.json", "--overlay", "co.png");
    uint8_t *ids = read_gray("c.png");
    double area = 0;
    for (size_t i = 0; i < PIXELS; i++)
        assert_true(ids[i] < 3);
    cJSON *root = load_json("c.json"), *list = cJSON_GetObjectItem(root, "classes");
    assert_int_equal(cJSON_GetArraySize(list), 3);
    for (int i = 0; i < 3; i++)
        area += number(cJSON_GetArrayItem(list, i), "area");
    assert_int_equal((size_t)area, PIXELS);
    assert_string_equal(cJSON_GetObjectItem(cJSON_GetArrayItem(list, 2), "name")->valuestring,
                        "road");
    cJSON_Delete(root);
    scl_free(ids);
    EXPECT(2, "leave multimask out", "predict", "--adapter", "classes.safetensors", "--device",
           "reference", PICTURE, "--multimask", "--out", "x.png");
}

static void wrong_prompts_leave_nothing(void **state)
{
    (void)state;
#define OUT "--out", "x.png", "--json", "x.json"
    EXPECT(2, "50 x 37", PREDICT, PICTURE, "--point", "50,3,1", OUT);
    EXPECT(2, "50 x 37", PREDICT, PICTURE, "--box", "3,3,20,38", OUT);
    EXPECT(2, "is empty", PREDICT, PICTURE, "--box", "20,3,3,20", OUT);
    EXPECT(2, "at most one box with points", PREDICT, PICTURE, BOXES, "--point", "3,3,1", OUT);
    EXPECT(2, "4 numbers", PREDICT, PICTURE, "--box", "3,3,20", OUT);
    EXPECT(2, "4 numbers", PREDICT, PICTURE, "--box", "3,3,20,20,5", OUT);
    EXPECT(2, "3 numbers", PREDICT, PICTURE, "--point", "3;4;1", OUT);
    EXPECT(2, "1 (part of the object) or 0", PREDICT, PICTURE, "--point", "3,4,2", OUT);
    EXPECT(2, "--image is required", PREDICT, OUT);
    EXPECT(2, "--checkpoint is required", "predict", PICTURE, OUT);
    EXPECT(2, "ends in .png", PREDICT, PICTURE, "--out", "x.jpg");
    EXPECT(2, "for two outputs", PREDICT, PICTURE, "--out", "x.png", "--overlay", "./x.png");
    EXPECT(3, "missing.png", PREDICT, "--image", "missing.png", OUT);
    EXPECT(3, "base.safetensors", PREDICT, "--image", "base.safetensors", OUT);
    EXPECT(4, "is not here", "predict", BASE, PICTURE, OUT, "--device", "opencl:nothing like this");
    EXPECT(2, "expected auto", "predict", BASE, PICTURE, OUT, "--device", "gpu");
    EXPECT(2, "did you mean vit_b?", PREDICT, PICTURE, OUT, "--model-type", "vit-b");
}

static void an_output_that_cannot_be_written_leaves_nothing(void **state)
{
    (void)state;
    assert_int_equal(mkdir("folder.png", 0700), 0);
    EXPECT(1, "not a file", PREDICT, PICTURE, "--out", "folder.png");
    EXPECT(1, "No such file or directory", PREDICT, PICTURE, "--out", "nowhere/x.png");
    struct stat before, after;
    assert_int_equal(stat("/dev/full", &before), 0);
    if (symlink("/dev/full", "full.json") == 0)
        EXPECT(1, "No space left", PREDICT, PICTURE, "--json", "full.json");
    assert_int_equal(stat("/dev/full", &after), 0);
    assert_int_equal(before.st_rdev, after.st_rdev);
    program_limit_files(2000); /* the mask fits, the logits don't */
    EXPECT(1, "l2.npy", PREDICT, PICTURE, "--out", "x.png", "--logits", "l2.npy");
    EXPECT(1, "e2.npy", "encode", BASE, REFERENCE, PICTURE, "--out", "e2.npy");
    program_limit_files(0);
}

/* A pipe under a name of any ending is written through, and stays a pipe; what a killed run staged
 * is gone after the next one. */
static void pipes_stay_and_leftovers_go(void **state)
{
    (void)state;
    struct stat info;
    char byte[8];
    assert_int_equal(mkfifo("pipe", 0600), 0);
    int reader = open("pipe", O_RDONLY | O_NONBLOCK);
    EXPECT(0, "", PREDICT, PICTURE, "--out", "pipe");
    assert_int_equal(read(reader, byte, sizeof byte), sizeof byte);
    assert_memory_equal(byte + 1, "PNG", 3);
    close(reader);
    assert_true(lstat("pipe", &info) == 0 && S_ISFIFO(info.st_mode));
    unlink("pipe");
    assert_int_equal(mkdir("left.png.part-99", 0700), 0);
    assert_ok(scl_file_write("left.png.part-99/left.png", "half", 4, &test_error));
    EXPECT(0, "", PREDICT, PICTURE, "--out", "left.png");
    assert_int_not_equal(lstat("left.png.part-99", &info), 0);
}

static void a_kept_file_survives_a_failure(void **state)
{
    (void)state;
    EXPECT(0, "", PREDICT, PICTURE, "--out", "kept.png");
    uint8_t *before = read_gray("kept.png");
    program_limit_files(2000);
    EXPECT(1, "l2.npy", PREDICT, PICTURE, ONE_BOX, "--multimask", "--out", "kept.png", "--logits",
           "l2.npy");
    program_limit_files(0);
    uint8_t *after = read_gray("kept.png");
    assert_memory_equal(before, after, PIXELS);
    scl_free(before);
    scl_free(after);
}

/* ---- encode */

static void the_embedding_is_channels_first(void **state)
{
    (void)state;
    scl_npy npy;
    EXPECT(0, "", "encode", BASE, REFERENCE, PICTURE, "--out", "e.npy");
    assert_ok(scl_npy_read("e.npy", &npy, &test_error));
    assert_int_equal(npy.array.ndim, 4);
    assert_int_equal(npy.array.dim[0], 1);
    assert_int_equal(npy.array.dim[1], 16);
    assert_int_equal(npy.array.dim[2], SMALL_GRID);
    assert_int_equal(npy.array.dim[3], SMALL_GRID);
    float *wanted = expected("embedding", SMALL_EMBEDDING), found[SMALL_EMBEDDING];
    scl_weight_to_f32(&npy.array, found);
    assert_near("embedding", found, wanted, SMALL_EMBEDDING, 1e-4);
    free(wanted);
    scl_npy_free(&npy);
    EXPECT(4, "but the memory budget is 1000 bytes: raise it", "encode", BASE, REFERENCE, PICTURE,
           "--out", "f.npy", "--memory-budget", "1000");
    EXPECT(2, "--memory-budget: expected a size such as 2GiB", "encode", BASE, PICTURE, "--out",
           "f.npy", "--memory-budget", "2 GB");
    EXPECT(2, "--out is required", "encode", BASE, PICTURE);
    EXPECT(2, "ends in .npy", "encode", BASE, PICTURE, "--out", "e.bin");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_box_gives_one_mask),
        cmocka_unit_test(several_boxes_give_ids),
        cmocka_unit_test(multimask_writes_each_alternative),
        cmocka_unit_test(logits_can_be_refined),
        cmocka_unit_test(without_an_output_masks_are_printed),
        cmocka_unit_test(a_model_with_classes_gives_their_ids),
        cmocka_unit_test(wrong_prompts_leave_nothing),
        cmocka_unit_test(an_output_that_cannot_be_written_leaves_nothing),
        cmocka_unit_test(pipes_stay_and_leftovers_go),
        cmocka_unit_test(a_kept_file_survives_a_failure),
        cmocka_unit_test(the_embedding_is_channels_first),
    };
    return cmocka_run_group_tests(tests, make_files, program_leave_folder);
}
