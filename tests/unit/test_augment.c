/* Augmentation: colours against Pillow, see tests/reference/make_augment_fixtures.py, and views
 * against the crop, transpose and flips done one after the other. */
#include "batch_support.h"

#include "data/augment.h"
#include "data/sample.h"

enum { W = 7, H = 5, PIXELS = W * H };

/* ------------------------------------------------------------------ colours */

enum { COLOUR_PIXELS = 8 * 3, COLOUR_BYTES = COLOUR_PIXELS * 3 };

static void colours_equal_pillow(void **state)
{
    (void)state;
    FILE *file = fopen(TEST_FIXTURES "/data/augment.txt", "r");
    assert_non_null(file);
    scl_augment a = scl_augment_none();
    int invert, grayscale, start, shift, cases = 0;
    while (fscanf(file, "%f %f %lf %d %d %d %d", &a.brightness, &a.contrast, &a.gamma, &invert,
                  &grayscale, &start, &shift) == 7) {
        a.invert = invert != 0;
        a.grayscale = grayscale != 0;
        uint8_t rgb[COLOUR_BYTES + 1];
        for (int i = 0; i < COLOUR_BYTES; i++)
            rgb[i] = (uint8_t)(pattern_byte((uint64_t)(start + i)) >> shift);
        rgb[COLOUR_BYTES] = 0x5a;
        scl_augment_colours(&a, rgb, COLOUR_PIXELS);
        for (int i = 0; i < COLOUR_BYTES; i++) {
            unsigned wanted;
            assert_int_equal(fscanf(file, " %2x", &wanted), 1);
            if (rgb[i] != wanted)
                fail_msg("case %d, byte %d: expected %u, found %d", cases, i, wanted, rgb[i]);
        }
        assert_int_equal(rgb[COLOUR_BYTES], 0x5a);
        cases++;
    }
    fclose(file);
    assert_int_equal(cases, 16);
}

/* ------------------------------------------------------------------ the place of the pixels */

typedef struct picture {
    int width, height;
    int32_t ids[PIXELS];
} picture;

static picture numbered(void)
{
    picture p = {.width = W, .height = H};
    for (int i = 0; i < PIXELS; i++)
        p.ids[i] = i + 1;
    return p;
}

static picture cut(const picture *p, int left, int top, int width, int height)
{
    picture out = {.width = width, .height = height};
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            out.ids[y * width + x] = p->ids[(top + y) * p->width + left + x];
    return out;
}

static picture transposed(const picture *p)
{
    picture out = {.width = p->height, .height = p->width};
    for (int y = 0; y < out.height; y++)
        for (int x = 0; x < out.width; x++)
            out.ids[y * out.width + x] = p->ids[x * p->width + y];
    return out;
}

static picture mirrored(const picture *p, bool left_right, bool upside_down)
{
    picture out = {.width = p->width, .height = p->height};
    for (int y = 0; y < p->height; y++)
        for (int x = 0; x < p->width; x++) {
            int from_x = left_right ? p->width - 1 - x : x;
            int from_y = upside_down ? p->height - 1 - y : y;
            out.ids[y * p->width + x] = p->ids[from_y * p->width + from_x];
        }
    return out;
}

static void check_view(const scl_augment *a, int left, int top, int width, int height)
{
    picture whole = numbered();
    picture wanted = cut(&whole, left, top, width, height);
    if (a->transpose)
        wanted = transposed(&wanted);
    wanted = mirrored(&wanted, a->hflip, a->vflip);
    scl_view view = scl_augment_view(a, W, H);
    assert_int_equal(view.width, wanted.width);
    assert_int_equal(view.height, wanted.height);

    size_t pixels = (size_t)(width * height);
    int32_t ids[PIXELS + 1];
    uint8_t in[PIXELS * 3], rgb[PIXELS * 3 + 1];
    memset(ids, 0x5a, sizeof ids);
    memset(rgb, 0x5a, sizeof rgb);
    for (int i = 0; i < PIXELS * 3; i++)
        in[i] = (uint8_t)(i + 3); /* pixel id has the bytes 3 * id, + 1, + 2 */
    scl_view_copy_ids(&view, whole.ids, ids);
    scl_view_copy_rgb(&view, in, rgb);
    assert_memory_equal(ids, wanted.ids, pixels * sizeof *ids);
    for (size_t i = 0; i < pixels * 3; i++)
        assert_int_equal(rgb[i], 3 * wanted.ids[i / 3] + (int)(i % 3));
    assert_int_equal(ids[pixels], 0x5a5a5a5a);
    assert_int_equal(rgb[pixels * 3], 0x5a);
}

static void views_are_crop_then_transpose_then_flips(void **state)
{
    (void)state;
    for (int way = 0; way < 8; way++) {
        scl_augment a = scl_augment_none();
        a.transpose = (way & 1) != 0;
        a.hflip = (way & 2) != 0;
        a.vflip = (way & 4) != 0;
        check_view(&a, 0, 0, W, H);
        scl_view view = scl_augment_view(&a, W, H);
        assert_true(scl_view_is_whole(&view, W, H) == (way == 0));
        a.columns = a.rows = 0.6; /* 4.2 and 3 pixels: room for 4 places across and 3 down */
        check_view(&a, 0, 0, 4, 3);
        a.left = a.top = 0.999999;
        check_view(&a, 3, 2, 4, 3);
        a.left = 0.5;
        check_view(&a, 2, 2, 4, 3);
        a.columns = a.rows = 0.1; /* 0.7 and 0.5 pixels are one each */
        check_view(&a, 3, 4, 1, 1);
    }
}

/* Over the edges of the tiles that the copy goes in. */
static void large_views_are_copied_whole(void **state)
{
    (void)state;
    enum { WIDE = 71, HIGH = 67 };
    static int32_t in[WIDE * HIGH], out[WIDE * HIGH];
    for (int i = 0; i < WIDE * HIGH; i++)
        in[i] = i;
    scl_augment a = scl_augment_none();
    a.transpose = a.hflip = true;
    scl_view view = scl_augment_view(&a, WIDE, HIGH);
    assert_false(scl_view_is_whole(&view, WIDE, HIGH));
    scl_view_copy_ids(&view, in, out);
    for (int y = 0; y < WIDE; y++)
        for (int x = 0; x < HIGH; x++)
            assert_int_equal(out[y * HIGH + x], (HIGH - 1 - x) * WIDE + y);
}

/* ------------------------------------------------------------------ what is drawn */

static void each_kind_has_numbers_of_its_own(void **state)
{
    (void)state;
    scl_data_config all = data_config(SCL_TASK_BINARY), flips = all;
    all.hflip = all.vflip = flips.hflip = flips.vflip = 0.5;
    all.transpose = all.invert = all.grayscale = 0.5;
    all.random_crop = 0.4;
    all.brightness = all.contrast = 0.3;
    all.gamma = 0.5;
    int transposed_too = 0, inverted = 0, both = 0, wide = 0;
    for (uint64_t item = 0; item < 400; item++) {
        scl_augment a = scl_augment_draw(&all, 3, 9, item);
        scl_augment b = scl_augment_draw(&flips, 3, 9, item);
        scl_augment again = scl_augment_draw(&all, 3, 9, item);
        assert_true(a.hflip == b.hflip && a.vflip == b.vflip);
        assert_true(b.columns == 1 && b.rows == 1 && b.brightness == 1 && b.contrast == 1 &&
                    b.gamma == 1);
        assert_false(b.transpose || b.invert || b.grayscale);
        assert_true(a.columns == again.columns && a.gamma == again.gamma && a.left == again.left);
        assert_true(a.columns >= 0.4 && a.columns <= 1 && a.rows >= 0.4 && a.rows <= 1);
        assert_true(a.columns < 1 || a.rows < 1);
        assert_true(a.left < 1 && a.top < 1);
        double stretch = a.columns / a.rows;
        assert_true(stretch > 0.749 && stretch < 1.334);
        wide += stretch > 1;
        assert_true(a.brightness >= 0.7f && a.brightness <= 1.3f);
        assert_true(a.contrast >= 0.7f && a.contrast <= 1.3f && a.brightness != a.contrast);
        assert_true(a.gamma > 0.606 && a.gamma < 1.649); /* exp(-0.5), exp(0.5) */
        transposed_too += a.transpose;
        inverted += a.invert;
        both += a.transpose && a.invert;
    }
    /* Four deviations from 200, 200 and 100. */
    assert_true(abs(transposed_too - 200) < 40 && abs(inverted - 200) < 40);
    assert_true(abs(both - 100) < 35 && abs(wide - 200) < 40);
}

/* ------------------------------------------------------------------ samples */

enum { SIDE = MODEL_SIDE };

/* One 2 x 2 object in a corner, in a picture that shows it: white on black. */
static void add_corner(data_folder *folder)
{
    data_write_rectangle(data_path(folder, "masks", "a.png"), PICTURE_WIDTH, PICTURE_HEIGHT, 1, 1,
                         3, 3, 255);
    data_write_rectangle(data_path(folder, "images", "a.png"), PICTURE_WIDTH, PICTURE_HEIGHT, 1, 1,
                         3, 3, 255);
}

static void crops_keep_image_and_mask_together_and_an_object(void **state)
{
    add_corner(*state);
    scl_data_config config = data_config(SCL_TASK_BINARY);
    config.random_crop = 0.5;
    config.transpose = config.hflip = config.vflip = 0.5;
    scl_dataset *dataset = batch_dataset(*state, &config);
    scl_sample sample = {0};
    float image[SIDE * SIDE * 3];
    int crops = 0, wholes = 0;
    for (uint64_t epoch = 0; epoch < 200; epoch++) {
        scl_visit visit = {.seed = 5, .epoch = epoch, .augment = true};
        assert_ok(scl_sample_load(&sample, dataset, &visit, SIDE, SIDE, image, &test_error));
        const scl_mask *mask = &sample.mask;
        bool found = false, is_whole = mask->width * mask->height == PICTURE_WIDTH * PICTURE_HEIGHT;
        for (int i = 0; i < mask->width * mask->height; i++)
            found |= mask->ids[i] != 0;
        assert_true(found && sample.objects.any);
        crops += !is_whole;
        wholes += is_whole;
        /* The picture is resized; without that, where it is white is where the mask is set. */
        bool is_resized = mask->width != SIDE && mask->height != SIDE;
        for (int y = 0; y < mask->height && !is_resized; y++)
            for (int x = 0; x < mask->width; x++)
                assert_true((image[(y * SIDE + x) * 3] > 0) ==
                            (mask->ids[y * mask->width + x] != 0));
    }
    assert_true(crops > 20 && wholes > 20); /* most crops of half the sides miss the corner */
    scl_sample_free(&sample);
    scl_dataset_free(dataset);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(colours_equal_pillow),
        cmocka_unit_test(views_are_crop_then_transpose_then_flips),
        cmocka_unit_test(large_views_are_copied_whole),
        cmocka_unit_test(each_kind_has_numbers_of_its_own),
        cmocka_unit_test_setup_teardown(crops_keep_image_and_mask_together_and_an_object,
                                        data_setup, data_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
