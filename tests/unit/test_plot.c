/* Plots: their ticks, where the curves run, and input that is empty, broken or enormous. */
#include "support.h"

#include "base/mem.h"
#include "base/str.h"
#include "io/image.h"
#include "picture/axis.h"
#include "picture/plot.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

static scl_axis axis_of(bool log, double low, double high, double padding, int wanted)
{
    scl_axis axis = scl_axis_make(log);
    scl_axis_add(&axis, low);
    scl_axis_add(&axis, high);
    scl_axis_finish(&axis, padding, wanted);
    return axis;
}

/* The labels of the ticks that have one, joined by spaces. */
static void assert_labels(const scl_axis *axis, const char *wanted)
{
    scl_str found = {0};
    for (int i = 0; i < axis->tick_count; i++)
        if (!axis->ticks[i].minor)
            scl_str_add(&found, "%s%s", found.length > 0 ? " " : "", axis->ticks[i].label);
    assert_string_equal(scl_str_text(&found), wanted);
    scl_str_free(&found);
}

static void linear_ticks_are_round(void **state)
{
    (void)state;
    const struct {
        double low, high;
        int wanted;
        const char *labels;
    } cases[] = {
        {0, 4000, 8, "0 500 1000 1500 2000 2500 3000 3500 4000"},
        {0.512, 0.957, 6, "0.6 0.7 0.8 0.9"},
        {1, 3, 10, "1 2 3"}, /* whole numbers have whole ticks */
        {-1.5, 1.5, 6, "-1.5 -1.0 -0.5 0 0.5 1.0 1.5"},
        {0, 120000, 6, "0 20k 40k 60k 80k 100k 120k"},
        {0, 2.5e6, 5, "0 500k 1.0M 1.5M 2.0M 2.5M"},
        {1.1e-5, 4.2e-5, 4, "2e-05 3e-05 4e-05"},
        {0.0012, 0.0048, 4, "0.002 0.003 0.004"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        scl_axis axis = axis_of(false, cases[i].low, cases[i].high, 0.0, cases[i].wanted);
        assert_labels(&axis, cases[i].labels);
    }
}

static void logarithmic_ticks_are_powers(void **state)
{
    (void)state;
    scl_axis axis = axis_of(true, 0.001, 10.0, 0.0, 6);
    assert_labels(&axis, "0.001 0.01 0.1 1 10");
    assert_true(fabs(scl_axis_position(&axis, 0.1) - 0.5) < 1e-12);
    assert_int_equal(axis.tick_count, 5 + 4 * 8);
    axis = axis_of(true, 0.04, 1.2, 0.0, 6);
    assert_labels(&axis, "0.05 0.1 0.2 0.5 1");
    axis = axis_of(true, 1e-12, 1.0, 0.0, 4);
    assert_labels(&axis, "1e-12 1e-08 0.0001 1");
    axis = axis_of(true, 0.30, 0.45, 0.0, 4); /* too narrow for powers */
    assert_labels(&axis, "0.30 0.35 0.40 0.45");
}

static void ranges_are_padded_but_not_across_zero(void **state)
{
    (void)state;
    scl_axis axis = axis_of(false, 1.0, 11.0, 0.1, 5);
    assert_true(fabs(axis.low) < 1e-12 && fabs(axis.high - 12.0) < 1e-12);
    axis = axis_of(false, 0.05, 1.0, 0.1, 5);
    assert_true(axis.low == 0.0);
    axis = axis_of(false, -9.0, -0.5, 0.1, 5);
    assert_true(axis.high == 0.0 && axis.low < -9.8);
}

static void hopeless_ranges_still_have_an_axis(void **state)
{
    (void)state;
    const double values[] = {0.0,    1.0,  -3.0,    1e-300, 1e300,       -1e300,      DBL_MIN,
                             4e-324, 1e17, DBL_MAX, 0.1,    0.1 + 1e-17, (double)NAN, INFINITY};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        for (size_t j = 0; j < sizeof values / sizeof *values; j++)
            for (int log = 0; log < 2; log++) {
                scl_axis axis = axis_of(log == 1, values[i], values[j], 0.06, 6);
                assert_true(isfinite(axis.low) && isfinite(axis.high) && axis.low < axis.high);
                assert_true(axis.tick_count >= 0 && axis.tick_count <= SCL_AXIS_TICKS);
                for (int t = 0; t < axis.tick_count; t++) {
                    double at = scl_axis_position(&axis, axis.ticks[t].value);
                    assert_true(at > -1e-6 && at < 1.0 + 1e-6);
                    assert_true(strlen(axis.ticks[t].label) < SCL_AXIS_LABEL);
                }
            }
}

static bool has_color(const scl_canvas *canvas, int x, int y, scl_color color)
{
    const uint8_t *p = canvas->pixels + ((size_t)y * (size_t)canvas->width + (size_t)x) * 3;
    return p[0] == color.r && p[1] == color.g && p[2] == color.b;
}

/* The rows of column x that have the colour exactly: how many, and the first. */
static int rows_with(const scl_canvas *canvas, int x, scl_color color, int from, int *first)
{
    int count = 0;
    for (int y = from; y < canvas->height; y++)
        if (has_color(canvas, x, y, color)) {
            *first = count == 0 ? y : *first;
            count++;
        }
    return count;
}

static void curves_run_where_they_should(void **state)
{
    (void)state;
    double x[9], rising[9], flat[9];
    for (int i = 0; i < 9; i++) {
        x[i] = i * 1000;
        rising[i] = i;
        flat[i] = i == 4 ? NAN : 4.0;
    }
    const scl_series series[] = {{"rising", x, rising, 9, false}, {"flat", x, flat, 9, false}};
    const scl_panel panel = {"y", false, series, 2};
    const scl_plot plot = {NULL, NULL, &panel, 1, 600, 300};
    scl_canvas canvas;
    assert_ok(scl_plot_draw(&plot, &canvas, &test_error));
    assert_true(has_color(&canvas, 0, 0, (scl_color){255, 255, 255}));
    int left = 0, right = 0, first = 0, gap_first = 0;
    scl_color rise = scl_series_color(0), even = scl_series_color(1);
    assert_true(rows_with(&canvas, 101, rise, 40, &left) >= 1);
    assert_true(rows_with(&canvas, 537, rise, 40, &right) >= 1);
    assert_true(left > right + 100); /* y points up */
    assert_true(rows_with(&canvas, 101, even, 40, &first) >= 1);
    assert_true(rows_with(&canvas, 290, even, 40, &gap_first) == 0); /* around x = 4000 */
    assert_true(rows_with(&canvas, 345, even, 40, &gap_first) == 0);
    assert_true(rows_with(&canvas, 537, even, 40, &gap_first) >= 1 && gap_first == first);
    assert_true(first < left && first > right);
    scl_canvas_free(&canvas);
}

static void lone_points_are_seen(void **state)
{
    (void)state;
    double x[200], y[200];
    for (int i = 0; i < 200; i++) {
        x[i] = i;
        y[i] = NAN;
    }
    y[100] = 3.0;
    const scl_series series = {NULL, x, y, 200, false};
    const scl_panel panel = {NULL, true, &series, 1};
    const scl_plot plot = {NULL, NULL, &panel, 1, 600, 300};
    scl_canvas canvas;
    assert_ok(scl_plot_draw(&plot, &canvas, &test_error));
    int seen = 0, first = 0;
    for (int column = 0; column < 600; column++)
        seen += rows_with(&canvas, column, scl_series_color(0), 0, &first) > 0;
    assert_true(seen >= 2 && seen <= 8);
    scl_canvas_free(&canvas);
}

/* So many values that columns of pixels share them: their least and greatest are still seen. */
static void dense_curves_keep_their_extremes(void **state)
{
    (void)state;
    enum { COUNT = 50000 };
    double *x = scl_calloc(COUNT, sizeof *x), *y = scl_calloc(COUNT, sizeof *y);
    for (int i = 0; i < COUNT; i++) {
        x[i] = i;
        y[i] = i > 20000 && i < 30000 ? (double)NAN : i % 2;
    }
    y[10000] = 11.0;
    const scl_series series = {NULL, x, y, COUNT, false};
    const scl_panel panel = {NULL, false, &series, 1};
    const scl_plot plot = {NULL, NULL, &panel, 1, 600, 300};
    scl_canvas canvas;
    assert_ok(scl_plot_draw(&plot, &canvas, &test_error));
    int spikes = 0, gaps = 0;
    for (int column = 70; column < 576; column++) {
        int first = 0, rows = rows_with(&canvas, column, scl_series_color(0), 0, &first);
        spikes += rows > 150;
        gaps += rows == 0;
    }
    assert_true(spikes >= 1 && spikes <= 4);
    assert_true(gaps > 90 && gaps < 130); /* a fifth of the width, and the padding */
    scl_canvas_free(&canvas);
    scl_free(x);
    scl_free(y);
}

static void series_colors_differ(void **state)
{
    (void)state;
    for (size_t i = 0; i < 21; i++)
        for (size_t j = 0; j < i; j++) {
            scl_color a = scl_series_color(i), b = scl_series_color(j);
            assert_true(abs(a.r - b.r) + abs(a.g - b.g) + abs(a.b - b.b) > 40);
        }
}

static void broken_input_is_drawn_without_harm(void **state)
{
    (void)state;
    const double bad[] = {(double)NAN, INFINITY, -INFINITY, 1e308, -1e308, 0.0, -1.0, 1e-320, 5.0};
    double y[9];
    char long_name[3000];
    memset(long_name, 'x', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    for (int shift = 0; shift < 9; shift++)
        for (int log = 0; log < 2; log++) {
            for (int i = 0; i < 9; i++)
                y[i] = bad[(i * 4 + shift) % 9];
            const scl_series series[] = {{long_name, bad, y, 9, false},
                                         {"", y, bad, 9, true},
                                         {NULL, y, y, (size_t)shift, false},
                                         {"none", NULL, NULL, 0, true}};
            const scl_panel panels[] = {{long_name, log == 1, series, 4},
                                        {NULL, log == 0, NULL, 0}};
            const scl_plot plot = {long_name, "\xff\xfe\x80", panels, 2, 200, 150};
            scl_canvas canvas;
            assert_ok(scl_plot_draw(&plot, &canvas, &test_error));
            scl_canvas_free(&canvas);
        }
}

static void impossible_plots_are_refused(void **state)
{
    (void)state;
    const scl_panel panel = {0};
    const scl_plot plots[] = {{NULL, NULL, &panel, 1, 199, 150},
                              {NULL, NULL, &panel, 1, 200, 149},
                              {NULL, NULL, &panel, 0, 200, 150},
                              {NULL, NULL, &panel, 1, INT32_MAX, INT32_MAX}};
    for (size_t i = 0; i < sizeof plots / sizeof *plots; i++) {
        scl_canvas canvas;
        assert_int_equal(scl_plot_draw(&plots[i], &canvas, NULL), SCL_BAD_DATA);
        assert_null(canvas.pixels);
    }
}

static void plots_are_written_or_fail_cleanly(void **state)
{
    (void)state;
    const double x[] = {0, 1, 2}, y[] = {1, 0.1, 0.02};
    const scl_series series = {"loss", x, y, 3, false};
    const scl_panel panels[] = {{"loss", true, &series, 1}, {"again", false, &series, 1}};
    const scl_plot plot = {"title", "epoch", panels, 2, SCL_PLOT_WIDTH, SCL_PLOT_HEIGHT};
    char path[] = "/tmp/samcl-test-XXXXXX";
    close(mkstemp(path));
    assert_ok(scl_plot_write_png(&plot, path, &test_error));
    scl_image image;
    assert_ok(scl_image_read(path, &image, &test_error));
    assert_true(image.width == SCL_PLOT_WIDTH && image.height == SCL_PLOT_HEIGHT);
    scl_image_free(&image);
    for (long failures = 0;; failures++) {
        scl_error err = {0};
        scl_alloc_fail_after(failures);
        scl_status status = scl_plot_write_png(&plot, path, &err);
        scl_alloc_fail_after(-1);
        if (status == SCL_OK)
            break;
        assert_int_equal(status, SCL_DEVICE);
    }
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(linear_ticks_are_round),
        cmocka_unit_test(logarithmic_ticks_are_powers),
        cmocka_unit_test(ranges_are_padded_but_not_across_zero),
        cmocka_unit_test(hopeless_ranges_still_have_an_axis),
        cmocka_unit_test(curves_run_where_they_should),
        cmocka_unit_test(lone_points_are_seen),
        cmocka_unit_test(dense_curves_keep_their_extremes),
        cmocka_unit_test(series_colors_differ),
        cmocka_unit_test(broken_input_is_drawn_without_harm),
        cmocka_unit_test(impossible_plots_are_refused),
        cmocka_unit_test(plots_are_written_or_fail_cleanly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
