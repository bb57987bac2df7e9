/* What is recognised as a mask, and how it is read. */
#include "data_support.h"

#include "data/mask_file.h"

/* 4 x 2 pixels with 16-bit samples by pixel and channel; see write_samples. */
enum { WIDTH = 4, HEIGHT = 2, PIXELS = WIDTH * HEIGHT };

typedef uint16_t samples[PIXELS][4];

static void write_samples(const char *path, int channels, int depth, int sample_bits,
                          const samples values)
{
    scl_image image;
    assert_ok(scl_image_make(&image, WIDTH, HEIGHT, channels, depth, &test_error));
    image.sample_bits = sample_bits;
    for (int i = 0; i < PIXELS; i++)
        for (int c = 0; c < channels; c++) {
            int at = i * channels + c;
            if (depth == 16)
                ((uint16_t *)image.data)[at] = values[i][c];
            else
                ((uint8_t *)image.data)[at] = (uint8_t)values[i][c];
        }
    assert_ok(scl_image_write_png(path, &image, &test_error));
    scl_image_free(&image);
}

/* Gray of 8 bits. */
static const char *write_gray(data_folder *folder, const uint8_t values[PIXELS])
{
    const char *path = data_path(folder, "masks", "m.png");
    data_write_gray(path, WIDTH, HEIGHT, values);
    return path;
}

static void check_ids(const scl_mask *mask, const int32_t wanted[PIXELS])
{
    assert_int_equal(mask->width, WIDTH);
    assert_int_equal(mask->height, HEIGHT);
    for (int i = 0; i < PIXELS; i++)
        if (mask->ids[i] != wanted[i])
            fail_msg("pixel %d: expected %d, found %d", i, wanted[i], mask->ids[i]);
}

static void check_gray(data_folder *folder, const scl_data_config *config,
                       const uint8_t values[PIXELS], scl_mask_kind kind,
                       const int32_t wanted[PIXELS])
{
    scl_mask mask = {0};
    assert_ok(scl_mask_read(&mask, write_gray(folder, values), config, &test_error));
    assert_int_equal(mask.kind, kind);
    check_ids(&mask, wanted);
    scl_mask_free(&mask);
}

static void check_refused(const char *path, const scl_data_config *config, const char *words)
{
    scl_mask mask = {0};
    scl_error err = {0};
    assert_fails(scl_mask_read(&mask, path, config, &err), SCL_BAD_DATA, err, words);
    if (strstr(err.text, path) == NULL)
        fail_msg("expected the path in: %s", err.text);
    scl_mask_free(&mask);
}

static void check_refused_gray(data_folder *folder, const scl_data_config *config,
                               const uint8_t values[PIXELS], const char *words)
{
    check_refused(write_gray(folder, values), config, words);
}

static void binary_masks_of_two_values_are_read(void **state)
{
    scl_data_config config = data_config(SCL_TASK_BINARY);
    const int32_t wanted[PIXELS] = {0, 1, 0, 0, 1, 1, 0, 0};
    check_gray(*state, &config, (const uint8_t[]){0, 1, 0, 0, 1, 1, 0, 0}, SCL_MASK_ZERO_ONE,
               wanted);
    check_gray(*state, &config, (const uint8_t[]){0, 255, 0, 0, 255, 255, 0, 0}, SCL_MASK_ZERO_255,
               wanted);
    check_gray(*state, &config, (const uint8_t[]){0, 9, 0, 0, 9, 9, 0, 0}, SCL_MASK_TWO_VALUES,
               wanted);
    check_gray(*state, &config, (const uint8_t[PIXELS]){0}, SCL_MASK_EMPTY,
               (const int32_t[PIXELS]){0});
    check_gray(*state, &config, (const uint8_t[]){255, 255, 255, 255, 255, 255, 255, 255},
               SCL_MASK_ZERO_255, (const int32_t[]){1, 1, 1, 1, 1, 1, 1, 1});
}

static void binary_masks_honour_ignore_index(void **state)
{
    scl_data_config config = data_config(SCL_TASK_BINARY);
    config.ignore_index = 255;
    check_gray(*state, &config, (const uint8_t[]){0, 1, 255, 0, 1, 1, 255, 0}, SCL_MASK_ZERO_ONE,
               (const int32_t[]){0, 1, -1, 0, 1, 1, -1, 0});
    check_gray(*state, &config, (const uint8_t[]){0, 255, 255, 0, 0, 0, 0, 0}, SCL_MASK_EMPTY,
               (const int32_t[]){0, -1, -1, 0, 0, 0, 0, 0});
    config.ignore_index = 0;
    check_gray(*state, &config, (const uint8_t[]){0, 1, 0, 0, 1, 1, 0, 0}, SCL_MASK_ZERO_ONE,
               (const int32_t[]){-1, 1, -1, -1, 1, 1, -1, -1});
}

static void binary_masks_of_more_values_need_a_word(void **state)
{
    scl_data_config config = data_config(SCL_TASK_BINARY);
    const uint8_t values[PIXELS] = {0, 3, 9, 0, 17, 200, 0, 201};
    check_refused_gray(*state, &config, values, "two values");
    check_refused_gray(*state, &config, values, "found 0, 3, 9, 17, ...");
    config.mask_values = SCL_MASK_VALUES_BINARY;
    check_gray(*state, &config, values, SCL_MASK_NOT_ZERO,
               (const int32_t[]){0, 1, 1, 0, 1, 1, 0, 1});
    config.mask_values = SCL_MASK_VALUES_IDS;
    check_refused_gray(*state, &config, values,
                       "binary), found 0, 3, 9, 17, ...; correct the mask");
    check_refused_gray(*state, &config, (const uint8_t[]){0, 255, 0, 0, 0, 0, 0, 0},
                       "looks like a 0/255 mask");
    check_gray(*state, &config, (const uint8_t[]){0, 1, 0, 0, 1, 1, 0, 0}, SCL_MASK_ZERO_ONE,
               (const int32_t[]){0, 1, 0, 0, 1, 1, 0, 0});
}

static void classes_are_read_and_checked(void **state)
{
    scl_data_config config = data_config(SCL_TASK_MULTICLASS);
    config.classes = 4;
    check_gray(*state, &config, (const uint8_t[]){0, 1, 2, 3, 3, 2, 1, 0}, SCL_MASK_IDS,
               (const int32_t[]){0, 1, 2, 3, 3, 2, 1, 0});
    check_refused_gray(*state, &config, (const uint8_t[]){0, 1, 2, 3, 0, 0, 7, 0},
                       "expected class ids 0 to 3 (`classes` is 4), found 7 at column 2, row 1");
    check_refused_gray(*state, &config, (const uint8_t[]){0, 255, 255, 0, 0, 0, 0, 0},
                       "looks like a 0/255 mask");
    config.ignore_index = 255;
    check_gray(*state, &config, (const uint8_t[]){0, 1, 255, 3, 3, 2, 255, 0}, SCL_MASK_IDS,
               (const int32_t[]){0, 1, -1, 3, 3, 2, -1, 0});
    config.ignore_index = 0; /* "void" first, as in some data sets */
    check_gray(*state, &config, (const uint8_t[]){0, 1, 2, 3, 3, 2, 1, 0}, SCL_MASK_IDS,
               (const int32_t[]){-1, 1, 2, 3, 3, 2, 1, -1});
    config.classes = 256;
    config.ignore_index = SCL_UNSET_INT;
    check_gray(*state, &config, (const uint8_t[]){0, 255, 255, 0, 0, 0, 0, 0}, SCL_MASK_ZERO_255,
               (const int32_t[]){0, 255, 255, 0, 0, 0, 0, 0});
}

static void wide_samples_are_ids(void **state)
{
    scl_data_config config = data_config(SCL_TASK_INSTANCES);
    const char *path = data_path(*state, "masks", "m.png");
    write_samples(path, 1, 16, 16, (const samples){{0}, {256}, {65535}, {0}, {1}, {1}, {0}, {9}});
    scl_mask mask = {0};
    assert_ok(scl_mask_read(&mask, path, &config, &test_error));
    check_ids(&mask, (const int32_t[]){0, 256, 65535, 0, 1, 1, 0, 9});
    config.ignore_index = 65535;
    assert_ok(scl_mask_read(&mask, path, &config, &test_error));
    check_ids(&mask, (const int32_t[]){0, 256, -1, 0, 1, 1, 0, 9});
    assert_int_equal(mask.kind, SCL_MASK_IDS);
    scl_mask_free(&mask);
}

static void narrow_samples_keep_their_values(void **state)
{
    const char *path = data_path(*state, "masks", "m.png");
    scl_mask mask = {0};
    for (int bits = 1; bits <= 4; bits *= 2) {
        uint16_t most = (uint16_t)((1 << bits) - 1);
        scl_data_config config = data_config(SCL_TASK_MULTICLASS);
        config.classes = most + 1;
        write_samples(path, 1, 8, bits, (const samples){{0}, {most}, {0}, {1}, {1}, {0}, {0}, {1}});
        assert_ok(scl_mask_read(&mask, path, &config, &test_error));
        check_ids(&mask, (const int32_t[]){0, most, 0, 1, 1, 0, 0, 1});
    }
    scl_mask_free(&mask);
}

static void write_palette(const char *path, const uint8_t palette[3][3],
                          const uint8_t values[PIXELS])
{
    scl_image image;
    assert_ok(scl_image_make(&image, WIDTH, HEIGHT, 1, 8, &test_error));
    memcpy(image.data, values, PIXELS);
    image.indexed = true;
    image.palette_count = 3;
    memcpy(image.palette, palette, 9);
    assert_ok(scl_image_write_png(path, &image, &test_error));
    scl_image_free(&image);
}

static void palette_indices_are_ids(void **state)
{
    const uint8_t black_first[3][3] = {{0, 0, 0}, {128, 0, 0}, {0, 128, 0}};
    const uint8_t white_first[3][3] = {{255, 255, 255}, {0, 0, 0}, {9, 9, 9}};
    const char *path = data_path(*state, "masks", "m.png");
    scl_data_config config = data_config(SCL_TASK_MULTICLASS);
    config.classes = 3;
    scl_mask mask = {0};
    write_palette(path, black_first, (const uint8_t[]){0, 1, 2, 2, 1, 0, 0, 0});
    assert_ok(scl_mask_read(&mask, path, &config, &test_error));
    assert_int_equal(mask.kind, SCL_MASK_PALETTE);
    check_ids(&mask, (const int32_t[]){0, 1, 2, 2, 1, 0, 0, 0});

    config = data_config(SCL_TASK_BINARY);
    write_palette(path, black_first, (const uint8_t[]){0, 1, 1, 0, 1, 0, 0, 0});
    assert_ok(scl_mask_read(&mask, path, &config, &test_error));
    check_ids(&mask, (const int32_t[]){0, 1, 1, 0, 1, 0, 0, 0});
    write_palette(path, white_first, (const uint8_t[]){0, 1, 1, 0, 1, 0, 0, 0});
    check_refused(path, &config, "index 0 (the background) isn't black but index 1 is");
    scl_mask_free(&mask);
}

static void gray_colours_are_gray(void **state)
{
    scl_data_config config = data_config(SCL_TASK_BINARY);
    const char *path = data_path(*state, "masks", "m.png");
    const int32_t wanted[PIXELS] = {0, 1, 0, 1, 1, 0, 0, 0};
    /* The fourth is alpha: it is not looked at. */
    const samples values = {{0, 0, 0, 9},       {255, 255, 255, 0}, {0, 0, 0, 255},
                            {255, 255, 255, 3}, {255, 255, 255, 9}, {0, 0, 0, 0},
                            {0, 0, 0, 255},     {0, 0, 0, 255}};
    scl_mask mask = {0};
    for (int channels = 3; channels <= 4; channels++) {
        write_samples(path, channels, 8, 8, values);
        assert_ok(scl_mask_read(&mask, path, &config, &test_error));
        assert_int_equal(mask.kind, SCL_MASK_ZERO_255);
        check_ids(&mask, wanted);
    }
    write_samples(path, 3, 16, 16, values);
    assert_ok(scl_mask_read(&mask, path, &config, &test_error));
    check_ids(&mask, wanted);
    scl_mask_free(&mask);
}

static void colours_are_read_for_one_object_only(void **state)
{
    scl_data_config config = data_config(SCL_TASK_BINARY);
    const char *path = data_path(*state, "masks", "m.png");
    scl_mask mask = {0};
    write_samples(path, 3, 8, 8, (const samples){[1] = {200, 0, 0}, [5] = {200, 0, 0}});
    assert_ok(scl_mask_read(&mask, path, &config, &test_error));
    assert_int_equal(mask.kind, SCL_MASK_COLOUR);
    check_ids(&mask, (const int32_t[]){0, 1, 0, 0, 0, 1, 0, 0});
    config.ignore_index = 255;
    check_refused(path, &config, "need exact values, found colours");
    config = data_config(SCL_TASK_INSTANCES);
    check_refused(path, &config, "replace each colour by its id");

    config = data_config(SCL_TASK_BINARY);
    write_samples(path, 3, 8, 8, (const samples){[1] = {200, 0, 0}, [5] = {0, 0, 1}});
    check_refused(path, &config, "several colours");
    config.mask_values = SCL_MASK_VALUES_BINARY;
    assert_ok(scl_mask_read(&mask, path, &config, &test_error));
    assert_int_equal(mask.kind, SCL_MASK_NOT_ZERO);
    check_ids(&mask, (const int32_t[]){0, 1, 0, 0, 0, 1, 0, 0});
    scl_mask_free(&mask);
}

static void masks_in_alpha_are_refused(void **state)
{
    scl_data_config config = data_config(SCL_TASK_BINARY);
    const char *path = data_path(*state, "masks", "m.png");
    write_samples(path, 4, 8, 8, (const samples){[3] = {0, 0, 0, 255}, [4] = {0, 0, 0, 255}});
    check_refused(path, &config, "alpha channel");
    write_samples(path, 2, 8, 8, (const samples){[3] = {0, 255}});
    check_refused(path, &config, "alpha channel");
    write_samples(path, 2, 8, 8, (const samples){[3] = {255, 1}});
    scl_mask mask = {0};
    assert_ok(scl_mask_read(&mask, path, &config, &test_error));
    check_ids(&mask, (const int32_t[]){0, 0, 0, 1, 0, 0, 0, 0});
    scl_mask_free(&mask);
}

static void jpeg_serves_one_object(void **state)
{
    (void)state;
    const char *path = TEST_FIXTURES "/data/disc.jpg";
    scl_data_config config = data_config(SCL_TASK_BINARY);
    scl_mask mask = {0};
    assert_ok(scl_mask_read(&mask, path, &config, &test_error));
    assert_int_equal(mask.kind, SCL_MASK_JPEG);
    int wrong = 0;
    for (int y = 0; y < 30; y++)
        for (int x = 0; x < 40; x++)
            wrong += mask.ids[y * 40 + x] != ((x - 20) * (x - 20) + (y - 14) * (y - 14) <= 81);
    assert_true(wrong <= 4); /* of 1200: where JPEG blurs the edge across the half */
    scl_mask_free(&mask);
    config.mask_values = SCL_MASK_VALUES_IDS;
    check_refused(path, &config, "need exact values, found a JPEG");
    config = data_config(SCL_TASK_MULTICLASS);
    config.classes = 2;
    check_refused(path, &config, "does not keep values exactly");
}

static void unreadable_files_are_named(void **state)
{
    scl_data_config config = data_config(SCL_TASK_BINARY);
    check_refused(data_path(*state, "masks", "none.png"), &config, "cannot be opened");
    const char *path = data_path(*state, "masks", "m.png");
    assert_ok(scl_file_write(path, "GIF89a", 6, &test_error));
    check_refused(path, &config, "GIF");
}

static void failing_allocations_are_reported(void **state)
{
    scl_data_config config = data_config(SCL_TASK_BINARY);
    const char *path = write_gray(*state, (const uint8_t[]){0, 9, 3, 0, 9, 9, 0, 0});
    config.mask_values = SCL_MASK_VALUES_BINARY;
    long n = 0;
    for (scl_status status = SCL_DEVICE; status != SCL_OK; n++) {
        scl_error err = {0};
        scl_mask mask = {0};
        scl_alloc_fail_after(n);
        status = scl_mask_read(&mask, path, &config, &err);
        scl_alloc_fail_after(-1);
        scl_mask_free(&mask);
        assert_true(status == SCL_OK || status == SCL_DEVICE);
    }
    assert_true(n > 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(binary_masks_of_two_values_are_read),
        cmocka_unit_test(binary_masks_honour_ignore_index),
        cmocka_unit_test(binary_masks_of_more_values_need_a_word),
        cmocka_unit_test(classes_are_read_and_checked),
        cmocka_unit_test(wide_samples_are_ids),
        cmocka_unit_test(narrow_samples_keep_their_values),
        cmocka_unit_test(palette_indices_are_ids),
        cmocka_unit_test(gray_colours_are_gray),
        cmocka_unit_test(colours_are_read_for_one_object_only),
        cmocka_unit_test(masks_in_alpha_are_refused),
        cmocka_unit_test(jpeg_serves_one_object),
        cmocka_unit_test(unreadable_files_are_named),
        cmocka_unit_test(failing_allocations_are_reported),
    };
    return cmocka_run_group_tests(tests, data_setup, data_teardown);
}
