/* Drawing on a canvas: known pixels, and nothing outside it. */
#include "support.h"

#include "base/mem.h"
#include "io/image.h"
#include "io/resize.h"
#include "pattern.h"
#include "picture/canvas.h"
#include "picture/font.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#define WIDTH  40
#define HEIGHT 30

static const scl_color white = {255, 255, 255};
static const scl_color black = {0, 0, 0};
static const scl_color red = {200, 0, 0};

static scl_canvas make(void)
{
    scl_canvas canvas;
    assert_ok(scl_canvas_make(&canvas, WIDTH, HEIGHT, white, &test_error));
    return canvas;
}

static const uint8_t *pixel(const scl_canvas *canvas, int x, int y)
{
    return canvas->pixels + (y * canvas->width + x) * 3;
}

static void assert_pixel(const scl_canvas *canvas, int x, int y, int r, int g, int b)
{
    const uint8_t *p = pixel(canvas, x, y);
    if (p[0] != r || p[1] != g || p[2] != b)
        fail_msg("pixel %d,%d is %d %d %d, expected %d %d %d", x, y, p[0], p[1], p[2], r, g, b);
}

static int count_other_than_white(const scl_canvas *canvas)
{
    int count = 0;
    for (int i = 0; i < canvas->width * canvas->height; i++)
        count += memcmp(canvas->pixels + i * 3, "\xff\xff\xff", 3) != 0;
    return count;
}

static void fills_blend_and_clip(void **state)
{
    (void)state;
    scl_canvas canvas = make();
    scl_canvas_fill(&canvas, 2, 3, 4, 5, red, 1.0);
    assert_int_equal(count_other_than_white(&canvas), 20);
    assert_pixel(&canvas, 2, 3, 200, 0, 0);
    assert_pixel(&canvas, 5, 7, 200, 0, 0);
    assert_pixel(&canvas, 6, 7, 255, 255, 255);
    scl_canvas_fill(&canvas, 30, 20, 1, 1, red, 0.5);
    assert_pixel(&canvas, 30, 20, 228, 128, 128);
    scl_canvas_fill(&canvas, -5, -5, 7, 6, black, 1.0);
    assert_pixel(&canvas, 1, 0, 0, 0, 0);
    assert_pixel(&canvas, 2, 0, 255, 255, 255);
    assert_int_equal(count_other_than_white(&canvas), 23);
    scl_canvas_free(&canvas);
}

static void frames_are_hollow(void **state)
{
    (void)state;
    scl_canvas canvas = make();
    scl_canvas_frame(&canvas, 5, 5, 10, 8, 2, red);
    assert_int_equal(count_other_than_white(&canvas), 10 * 8 - 6 * 4);
    assert_pixel(&canvas, 6, 6, 200, 0, 0);
    assert_pixel(&canvas, 7, 7, 255, 255, 255);
    assert_pixel(&canvas, 14, 12, 200, 0, 0);
    scl_canvas_frame(&canvas, 20, 5, 4, 4, 2, red); /* all border */
    assert_pixel(&canvas, 21, 6, 200, 0, 0);
    scl_canvas_free(&canvas);
}

static void lines_on_pixel_centres_are_crisp(void **state)
{
    (void)state;
    scl_canvas canvas = make();
    scl_canvas_line(&canvas, 3.5, 10.5, 12.5, 10.5, 1.0, black);
    assert_int_equal(count_other_than_white(&canvas), 10);
    assert_pixel(&canvas, 3, 10, 0, 0, 0);
    assert_pixel(&canvas, 12, 10, 0, 0, 0);
    scl_canvas_free(&canvas);
    canvas = make();
    scl_canvas_line(&canvas, 5.5, 4.0, 5.5, 4.0, 1.0, black); /* on the border of two pixels */
    assert_pixel(&canvas, 5, 3, 128, 128, 128);
    assert_pixel(&canvas, 5, 4, 128, 128, 128);
    assert_int_equal(count_other_than_white(&canvas), 2);
    scl_canvas_free(&canvas);
}

static void discs_have_their_area(void **state)
{
    (void)state;
    scl_canvas canvas = make();
    scl_canvas_disc(&canvas, 20.0, 15.0, 8.0, black);
    double area = 0.0;
    for (int i = 0; i < WIDTH * HEIGHT; i++)
        area += (255 - canvas.pixels[i * 3]) / 255.0;
    assert_true(fabs(area - 64.0 * 3.14159265) < 1.5);
    assert_pixel(&canvas, 20, 15, 0, 0, 0);
    assert_pixel(&canvas, 20, 6, 255, 255, 255);
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++)
            assert_memory_equal(pixel(&canvas, x, y), pixel(&canvas, WIDTH - 1 - x, HEIGHT - 1 - y),
                                3);
    scl_canvas_free(&canvas);
}

static void polylines_break_at_gaps(void **state)
{
    (void)state;
    scl_canvas canvas = make();
    const double points[] = {2.5,      5.5, 8.5,  5.5, (double)NAN, 5.5,
                             INFINITY, 5.5, 20.5, 5.5, 24.5,        5.5};
    scl_canvas_polyline(&canvas, points, 6, 1.0, black);
    for (int x = 0; x < WIDTH; x++) {
        int wanted = (x >= 2 && x <= 8) || (x >= 20 && x <= 24) ? 0 : 255;
        assert_pixel(&canvas, x, 5, wanted, wanted, wanted);
    }
    scl_canvas_free(&canvas);
}

static void far_ends_do_not_bend_a_line(void **state)
{
    (void)state;
    scl_canvas near_one = make(), far_one = make();
    scl_canvas_line(&near_one, -60.0, -30.0, 100.0, 50.0, 3.0, black);
    scl_canvas_line(&far_one, -2e8, -1e8, 2e8, 1e8, 3.0, black);
    assert_true(count_other_than_white(&near_one) > 100);
    for (int i = 0; i < WIDTH * HEIGHT * 3; i++)
        assert_true(abs(near_one.pixels[i] - far_one.pixels[i]) <= 1);
    scl_canvas_free(&near_one);
    scl_canvas_free(&far_one);
}

static void pictures_are_cut_at_the_border(void **state)
{
    (void)state;
    uint8_t rgb[10 * 8 * 3];
    pattern_fill(rgb, sizeof rgb);
    const int places[][2] = {{3, 4}, {-4, -3}, {35, 26}, {-10, 0}, {40, 30}};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        scl_canvas canvas = make();
        int x = places[i][0], y = places[i][1];
        scl_canvas_blit(&canvas, x, y, rgb, 10, 8);
        for (int cy = 0; cy < HEIGHT; cy++)
            for (int cx = 0; cx < WIDTH; cx++) {
                bool inside = cx >= x && cx < x + 10 && cy >= y && cy < y + 8;
                const uint8_t *wanted =
                    inside ? rgb + ((cy - y) * 10 + cx - x) * 3 : (const uint8_t *)"\xff\xff\xff";
                assert_memory_equal(pixel(&canvas, cx, cy), wanted, 3);
            }
        scl_canvas_free(&canvas);
    }
}

static void scaled_pictures_equal_the_resizer(void **state)
{
    (void)state;
    uint8_t rgb[9 * 7 * 3], wanted[20 * 11 * 3];
    pattern_fill(rgb, sizeof rgb);
    assert_ok(scl_resize_bilinear_u8(rgb, 9, 7, 3, wanted, 20, 11, &test_error));
    scl_canvas canvas = make();
    assert_ok(scl_canvas_blit_scaled(&canvas, 15, 5, 20, 11, rgb, 9, 7, &test_error));
    for (int y = 0; y < 11; y++)
        assert_memory_equal(pixel(&canvas, 15, 5 + y), wanted + y * 20 * 3, 20 * 3);
    assert_pixel(&canvas, 14, 5, 255, 255, 255);
    assert_int_equal(scl_canvas_blit_scaled(&canvas, 0, 0, 5, 0, rgb, 9, 7, NULL), SCL_BAD_DATA);
    assert_int_equal(scl_canvas_blit_scaled(&canvas, 0, 0, 5, 5, rgb, 0, 7, NULL), SCL_BAD_DATA);
    scl_canvas_free(&canvas);
}

static void tints_have_an_outline(void **state)
{
    (void)state;
    uint8_t ids[12 * 10] = {0};
    for (int y = 2; y < 8; y++)
        for (int x = 0; x < 7; x++)
            ids[y * 12 + x] = (uint8_t)(x < 5 ? 3 : 4); /* touches the left border */
    scl_color colors[256] = {0};
    colors[3] = red;
    colors[4] = black;
    scl_canvas canvas = make();
    scl_canvas_tint(&canvas, 20, 10, ids, 12, 10, colors, 0.25, 1);
    assert_pixel(&canvas, 20, 11, 255, 255, 255); /* id 0 */
    assert_pixel(&canvas, 21, 12, 200, 0, 0);     /* top edge */
    assert_pixel(&canvas, 20, 14, 241, 191, 191); /* the map's own border is no outline */
    assert_pixel(&canvas, 23, 14, 241, 191, 191);
    assert_pixel(&canvas, 24, 14, 200, 0, 0); /* beside id 4 */
    assert_pixel(&canvas, 25, 14, 0, 0, 0);   /* and the other way round */
    scl_canvas_free(&canvas);
    canvas = make();
    scl_canvas_tint(&canvas, 20, 10, ids, 12, 10, colors, 0.25, 0);
    assert_pixel(&canvas, 21, 12, 241, 191, 191);
    scl_canvas_free(&canvas);
}

static void every_character_has_its_own_glyph(void **state)
{
    (void)state;
    uint64_t hashes[127] = {0};
    for (int c = 32; c < 127; c++) {
        uint8_t cell[SCL_FONT_WIDTH * SCL_FONT_HEIGHT];
        int inked = 0;
        for (int row = 0; row < SCL_FONT_HEIGHT; row++)
            for (int column = 0; column < SCL_FONT_WIDTH; column++)
                inked += cell[row * SCL_FONT_WIDTH + column] = scl_font_ink(c, column, row);
        assert_true(c == ' ' ? inked == 0 : inked >= 2);
        hashes[c] = pattern_hash(cell, sizeof cell);
        for (int other = 32; other < c; other++)
            assert_true(hashes[other] != hashes[c]);
        for (int row = 0; row < SCL_FONT_HEIGHT; row++)
            assert_false(scl_font_ink(c, SCL_FONT_WIDTH - 1, row)); /* space between characters */
    }
    for (int column = 0; column < 5; column++)
        assert_true(scl_font_ink('T', column, 0));
    assert_false(scl_font_ink('T', -1, 0) || scl_font_ink('T', 0, -1) ||
                 scl_font_ink('T', 0, SCL_FONT_HEIGHT));
    assert_true(scl_font_ink(7, 1, 0) == scl_font_ink('?', 1, 0) && scl_font_ink(-5, 1, 0));
}

static void text_is_placed_by_its_alignment(void **state)
{
    (void)state;
    scl_text_style style = {1, false, SCL_ALIGN_LEFT, black};
    assert_int_equal(scl_text_width(&style, "T"), 5);
    assert_int_equal(scl_text_width(&style, "Tü"), 11);
    assert_int_equal(scl_text_width(&style, ""), 0);
    const int starts[] = {20, 18, 15};
    for (int align = SCL_ALIGN_LEFT; align <= SCL_ALIGN_RIGHT; align++) {
        scl_canvas canvas = make();
        style.align = (scl_align)align;
        scl_canvas_text(&canvas, 20, 4, &style, "T");
        for (int x = 0; x < WIDTH; x++) {
            int wanted = x >= starts[align] && x < starts[align] + 5 ? 0 : 255;
            assert_pixel(&canvas, x, 4, wanted, wanted, wanted);
        }
        scl_canvas_free(&canvas);
    }
}

/* Only whole-number drawing, so that the hash is the same on every machine. */
static void a_small_drawing_has_its_hash(void **state)
{
    (void)state;
    scl_canvas canvas = make();
    scl_text_style style = {1, true, SCL_ALIGN_LEFT, red};
    scl_canvas_text(&canvas, 1, 1, &style, "aQ%");
    style = (scl_text_style){2, false, SCL_ALIGN_RIGHT, black};
    scl_canvas_text(&canvas, 38, 8, &style, "7g");
    scl_canvas_frame(&canvas, 0, 0, WIDTH, HEIGHT, 1, red);
    scl_canvas_fill(&canvas, 30, 20, 20, 20, black, 0.3);
    uint64_t hash = pattern_hash(canvas.pixels, WIDTH * HEIGHT * 3);
    if (hash != 0x0bd3715a7b06670du)
        fail_msg("the drawing's hash is %016llx", (unsigned long long)hash);
    scl_canvas_free(&canvas);
}

#define GUARD 4096

/* Draws with every combination of absurd coordinates; the bytes around the pixels must survive. */
static void absurd_coordinates_stay_inside(void **state)
{
    (void)state;
    static uint8_t memory[GUARD * 2 + WIDTH * HEIGHT * 3];
    memset(memory, 0xA5, sizeof memory);
    scl_canvas canvas = {WIDTH, HEIGHT, memory + GUARD};
    const double far_doubles[] = {-1e308, -1e9, -3.0,     0.0,         17.3,
                                  45.0,   1e9,  INFINITY, (double)NAN, 1e308};
    const int far_ints[] = {INT32_MIN, -1000000000, -7, 0, 17, 39, 45, 1000000000, INT32_MAX};
    uint8_t small[6 * 6 * 3] = {0};
    scl_color colors[256] = {{0}};
    small[0] = 1;
    for (size_t i = 0; i < 10; i++)
        for (size_t j = 0; j < 10; j++) {
            for (size_t k = 0; k < 10; k++)
                scl_canvas_line(&canvas, far_doubles[i], far_doubles[j], far_doubles[k],
                                far_doubles[(i + k) % 10], far_doubles[(j + k) % 10], red);
            scl_canvas_disc(&canvas, far_doubles[i], far_doubles[j], far_doubles[(i + j) % 10],
                            red);
        }
    for (size_t i = 0; i < 9; i++)
        for (size_t j = 0; j < 9; j++) {
            for (size_t k = 0; k < 9; k++) {
                scl_canvas_fill(&canvas, far_ints[i], far_ints[j], far_ints[k],
                                far_ints[(i + k) % 9], red, 0.5);
                scl_canvas_frame(&canvas, far_ints[i], far_ints[j], far_ints[k],
                                 far_ints[(j + k) % 9], 2, red);
            }
            for (int bold = 0; bold < 2; bold++) {
                scl_text_style style = {1 + 2 * bold, bold == 1, (scl_align)(i % 3), red};
                scl_canvas_text(&canvas, far_ints[i], far_ints[j], &style, "xWg\xff\x80q");
            }
            scl_canvas_blit(&canvas, far_ints[i], far_ints[j], small, 6, 6);
            scl_canvas_tint(&canvas, far_ints[i], far_ints[j], small, 6, 6, colors, 0.5, 2);
        }
    for (size_t i = 0; i < GUARD; i++)
        assert_true(memory[i] == 0xA5 && memory[sizeof memory - 1 - i] == 0xA5);
}

static void canvases_are_written_as_they_are(void **state)
{
    (void)state;
    char path[] = "/tmp/samcl-test-XXXXXX";
    close(mkstemp(path));
    scl_canvas canvas = make();
    pattern_fill(canvas.pixels, WIDTH * HEIGHT * 3);
    assert_ok(scl_canvas_write_png(&canvas, path, &test_error));
    scl_image image;
    assert_ok(scl_image_read(path, &image, &test_error));
    assert_int_equal(image.channels, 3);
    assert_memory_equal(image.data, canvas.pixels, WIDTH * HEIGHT * 3);
    scl_image_free(&image);
    scl_canvas_free(&canvas);
    unlink(path);
}

static void impossible_canvases_are_refused(void **state)
{
    (void)state;
    scl_canvas canvas;
    const int sizes[][2] = {{0, 5}, {5, 0}, {-1, 5}, {1 << 15, 1 << 14}, {INT32_MAX, INT32_MAX}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        scl_error err = {0};
        assert_fails(scl_canvas_make(&canvas, sizes[i][0], sizes[i][1], white, &err), SCL_BAD_DATA,
                     err, "a picture can't have");
        assert_null(canvas.pixels);
    }
    scl_error err = {0};
    scl_alloc_fail_after(0);
    scl_status status = scl_canvas_make(&canvas, 5, 5, white, &err);
    scl_alloc_fail_after(-1);
    assert_int_equal(status, SCL_DEVICE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fills_blend_and_clip),
        cmocka_unit_test(frames_are_hollow),
        cmocka_unit_test(lines_on_pixel_centres_are_crisp),
        cmocka_unit_test(discs_have_their_area),
        cmocka_unit_test(polylines_break_at_gaps),
        cmocka_unit_test(far_ends_do_not_bend_a_line),
        cmocka_unit_test(pictures_are_cut_at_the_border),
        cmocka_unit_test(scaled_pictures_equal_the_resizer),
        cmocka_unit_test(tints_have_an_outline),
        cmocka_unit_test(every_character_has_its_own_glyph),
        cmocka_unit_test(text_is_placed_by_its_alignment),
        cmocka_unit_test(a_small_drawing_has_its_hash),
        cmocka_unit_test(absurd_coordinates_stay_inside),
        cmocka_unit_test(canvases_are_written_as_they_are),
        cmocka_unit_test(impossible_canvases_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
