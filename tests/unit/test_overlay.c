/* Overlays and sheets of them. */
#include "support.h"

#include "base/mem.h"
#include "picture/sheet.h"

#include <math.h>

#define WIDTH  30
#define HEIGHT 20

static uint8_t gray_picture[WIDTH * HEIGHT * 3];
static uint8_t square[WIDTH * HEIGHT]; /* id 2 in [10, 20) x [5, 15), one pixel of id 9 at 25, 10 */

static int prepare(void **state)
{
    (void)state;
    memset(gray_picture, 100, sizeof gray_picture);
    for (int y = 5; y < 15; y++)
        memset(square + y * WIDTH + 10, 2, 10);
    square[10 * WIDTH + 25] = 9;
    return 0;
}

static scl_overlay plain(void)
{
    return (scl_overlay){.rgb = gray_picture, .width = WIDTH, .height = HEIGHT};
}

static void assert_pixel(const scl_canvas *canvas, int x, int y, scl_color wanted)
{
    const uint8_t *p = canvas->pixels + (y * canvas->width + x) * 3;
    if (p[0] != wanted.r || p[1] != wanted.g || p[2] != wanted.b)
        fail_msg("pixel %d,%d is %d %d %d, expected %d %d %d", x, y, p[0], p[1], p[2], wanted.r,
                 wanted.g, wanted.b);
}

static const scl_color gray = {100, 100, 100};

static scl_canvas draw(const scl_overlay *overlay, int longest)
{
    scl_canvas canvas;
    assert_ok(scl_overlay_draw(overlay, longest, &canvas, &test_error));
    return canvas;
}

static void masks_are_tinted_by_class(void **state)
{
    (void)state;
    scl_overlay overlay = plain();
    overlay.mask = square;
    scl_canvas canvas = draw(&overlay, 0);
    assert_int_equal(canvas.width, WIDTH);
    assert_int_equal(canvas.height, HEIGHT);
    assert_pixel(&canvas, 9, 10, gray);
    assert_pixel(&canvas, 10, 10, scl_class_color(2)); /* outline of 2 pixels */
    assert_pixel(&canvas, 11, 10, scl_class_color(2));
    assert_pixel(&canvas, 14, 10, scl_color_mix(gray, scl_class_color(2), 0.42));
    assert_pixel(&canvas, 25, 10, scl_class_color(9));
    scl_canvas_free(&canvas);
    overlay.hidden_id = 9;
    canvas = draw(&overlay, 0);
    assert_pixel(&canvas, 25, 10, gray);
    assert_pixel(&canvas, 10, 10, scl_class_color(2));
    scl_canvas_free(&canvas);
}

static void binary_masks_have_one_color(void **state)
{
    (void)state;
    scl_overlay overlay = plain();
    overlay.mask = square;
    overlay.binary = true;
    scl_canvas canvas = draw(&overlay, 0);
    assert_pixel(&canvas, 10, 10, scl_class_color(1));
    assert_pixel(&canvas, 25, 10, scl_class_color(1));
    scl_canvas_free(&canvas);
    scl_color own[256] = {[1] = {1, 2, 3}};
    overlay.colors = own;
    canvas = draw(&overlay, 0);
    assert_pixel(&canvas, 10, 10, own[1]);
    scl_canvas_free(&canvas);
}

static void prompts_are_drawn_to_scale(void **state)
{
    (void)state;
    const scl_overlay_box box = {5, 5, 25, 15};
    const scl_overlay_point points[] = {{9.5, 9.5, 1}, {19.5, 9.5, 0}};
    scl_overlay overlay = plain();
    overlay.boxes = &box;
    overlay.box_count = 1;
    overlay.points = points;
    overlay.point_count = 2;
    scl_canvas canvas = draw(&overlay, 300);
    assert_int_equal(canvas.width, 300);
    assert_int_equal(canvas.height, 200);
    const scl_color yellow = {255, 214, 0}, white = {255, 255, 255};
    assert_pixel(&canvas, 150, 50, yellow); /* the top side, at 5 * 10 */
    assert_pixel(&canvas, 49, 100, yellow);
    assert_pixel(&canvas, 249, 149, yellow);
    assert_pixel(&canvas, 150, 60, gray);
    assert_pixel(&canvas, 100, 102, white);                    /* the plus has an upright, */
    assert_pixel(&canvas, 200, 103, (scl_color){205, 40, 40}); /* the minus has none */
    assert_pixel(&canvas, 198, 100, white);
    scl_canvas_free(&canvas);
}

static void sizes_keep_the_aspect(void **state)
{
    (void)state;
    const struct {
        int width, height, longest, wanted_width, wanted_height;
    } cases[] = {{30, 20, 0, 30, 20},    {30, 20, 15, 15, 10},   {20, 30, 90, 60, 90},
                 {1000, 1, 100, 100, 1}, {1, 1000, 100, 1, 100}, {7, 5, 100, 100, 71}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const scl_overlay overlay = {.width = cases[i].width, .height = cases[i].height};
        int width, height;
        scl_overlay_size(&overlay, cases[i].longest, &width, &height);
        assert_int_equal(width, cases[i].wanted_width);
        assert_int_equal(height, cases[i].wanted_height);
    }
}

static void far_prompts_are_harmless(void **state)
{
    (void)state;
    const double far[] = {-1e308, -1e5, 1e5, 1e308, INFINITY, (double)NAN};
    for (size_t i = 0; i < 6; i++)
        for (size_t j = 0; j < 6; j++) {
            const scl_overlay_box box = {far[i], far[j], far[(i + j) % 6], far[(i + 2 * j) % 6]};
            const scl_overlay_point point = {far[i], far[j], (int)i - 2};
            scl_overlay overlay = plain();
            overlay.boxes = &box;
            overlay.points = &point;
            overlay.box_count = overlay.point_count = 1;
            scl_canvas canvas = draw(&overlay, 64);
            scl_canvas_free(&canvas);
        }
}

static void sheets_have_tiles_in_their_places(void **state)
{
    (void)state;
    scl_overlay tiles[6] = {0};
    tiles[0] = tiles[2] = tiles[5] = plain(); /* 30 x 20 */
    tiles[3] = (scl_overlay){.rgb = gray_picture, .width = 10, .height = 20};
    const char *const titles[] = {"image", "target", "a title that is too long"};
    const char *const captions[] = {"a.png", NULL, "IoU 0.9",
                                    "",      NULL, "a caption that is too long"};
    const scl_sheet sheet = {"samples", 2, 3, 60, titles, tiles, captions};
    scl_canvas canvas;
    assert_ok(scl_sheet_draw(&sheet, &canvas, &test_error));
    assert_int_equal(canvas.width, 20 + 3 * 60 + 2 * 10 + 20);
    assert_int_equal(canvas.height, 20 + 38 + 18 + (40 + 18) + 10 + (60 + 18) + 20);
    int first = 20 + 38 + 18, second = first + 40 + 18 + 10;
    const scl_color white = {255, 255, 255}, empty = {240, 240, 240};
    assert_pixel(&canvas, 20, first, gray);
    assert_pixel(&canvas, 79, first + 39, gray);
    assert_pixel(&canvas, 80, first, white);
    assert_pixel(&canvas, 90, first, empty);
    assert_pixel(&canvas, 160, first, gray);
    assert_pixel(&canvas, 20 + 14, second, white); /* an upright tile, 30 wide, in the middle */
    assert_pixel(&canvas, 20 + 15, second, gray);
    assert_pixel(&canvas, 160, second + 9, white); /* a flat one, 40 high */
    assert_pixel(&canvas, 160, second + 10, gray);
    for (int y = 0; y < canvas.height; y++)
        for (int x = 220; x < canvas.width; x++)
            assert_pixel(&canvas, x, y, white); /* long texts were cut */
    scl_canvas_free(&canvas);
}

static void impossible_pictures_are_refused(void **state)
{
    (void)state;
    scl_canvas canvas;
    const int sizes[][2] = {{0, 5}, {5, 0}, {-3, 5}, {INT32_MAX, INT32_MAX}, {0, 0}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const scl_overlay overlay = {
            .rgb = gray_picture, .width = sizes[i][0], .height = sizes[i][1]};
        assert_int_equal(scl_overlay_draw(&overlay, 0, &canvas, NULL), SCL_BAD_DATA);
        assert_null(canvas.pixels);
    }
    scl_overlay tile = plain();
    const int sheets[][3] = {{0, 1, 64}, {1, 0, 64}, {1, 1, 15}, {1, 1, 4097}, {INT32_MAX, 1, 64}};
    for (size_t i = 0; i < sizeof sheets / sizeof *sheets; i++) {
        const scl_sheet sheet = {NULL, sheets[i][0], sheets[i][1], sheets[i][2], NULL, &tile, NULL};
        scl_error err = {0};
        assert_fails(scl_sheet_draw(&sheet, &canvas, &err), SCL_BAD_DATA, err,
                     "a sheet can't have");
        assert_null(canvas.pixels);
    }
}

static void failing_allocations_are_reported(void **state)
{
    (void)state;
    scl_overlay tiles[2] = {plain(), plain()};
    tiles[0].mask = square;
    const scl_sheet sheet = {NULL, 1, 2, 50, NULL, tiles, NULL};
    long failures = 0;
    for (;; failures++) {
        scl_canvas canvas;
        scl_error err = {0};
        scl_alloc_fail_after(failures);
        scl_status status = scl_sheet_draw(&sheet, &canvas, &err);
        scl_alloc_fail_after(-1);
        if (status == SCL_OK) {
            scl_canvas_free(&canvas);
            break;
        }
        assert_int_equal(status, SCL_DEVICE);
        assert_null(canvas.pixels);
    }
    assert_true(failures > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(masks_are_tinted_by_class),
        cmocka_unit_test(binary_masks_have_one_color),
        cmocka_unit_test(prompts_are_drawn_to_scale),
        cmocka_unit_test(sizes_keep_the_aspect),
        cmocka_unit_test(far_prompts_are_harmless),
        cmocka_unit_test(sheets_have_tiles_in_their_places),
        cmocka_unit_test(impossible_pictures_are_refused),
        cmocka_unit_test(failing_allocations_are_reported),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
