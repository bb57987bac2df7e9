/* The text of progress lines. */
#include "support.h"

#include "base/progress.h"

#include <math.h>

static void assert_line(scl_progress progress, int columns, const char *wanted)
{
    char text[600];
    size_t length = scl_progress_text(&progress, columns, text, sizeof text);
    assert_string_equal(text, wanted);
    assert_int_equal(length, strlen(wanted));
}

static void lines_are_as_documented(void **state)
{
    (void)state;
    scl_progress p = {420, 1000, 0, 12.0, "loss 0.123", false};
    assert_line(p, 61, " 42% |████▏     | 420/1000  00:12 < 00:17  35.0/s  loss 0.123");
    assert_line(
        p, 200,
        " 42% |████████████▌                 | 420/1000  00:12 < 00:17  35.0/s  loss 0.123");
    p.ascii = true;
    assert_line(p, 61, " 42% |####......| 420/1000  00:12 < 00:17  35.0/s  loss 0.123");
    assert_line((scl_progress){0, 50, 0, 0.0, NULL, true}, 40,
                "  0% |.............| 0/50  00:00 < --:--");
    assert_line((scl_progress){50, 50, 0, 200.0, "", true}, 52,
                "100% |############| 50/50  03:20 < 00:00  4.0 s each");
    assert_line((scl_progress){7, 0, 0, 14.0, "reading", true}, 80,
                "7  00:14  2.0 s each  reading");
}

static void a_run_that_goes_on_counts_its_own_time(void **state)
{
    (void)state;
    assert_line((scl_progress){420, 1000, 400, 10.0, NULL, true}, 45,
                " 42% |##.....| 420/1000  00:10 < 04:50  2.0/s");
}

static void whole_percents_are_rounded_down(void **state)
{
    (void)state;
    assert_line((scl_progress){29, 100, 0, 1.0, NULL, true}, 4, " 29%");
    assert_line((scl_progress){999999, 1000000, 0, 1.0, NULL, true}, 4, " 99%");
    assert_line((scl_progress){2000, 1000, 0, 1.0, NULL, true}, 4, "100%");
    assert_line((scl_progress){UINT64_MAX, UINT64_MAX, 0, 1.0, NULL, true}, 4, "100%");
}

static int columns_of(const char *text)
{
    int columns = 0;
    for (; *text != '\0'; text++)
        columns += ((unsigned char)*text & 0xC0) != 0x80;
    return columns;
}

static bool is_whole_utf8(const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++) {
        int more = *p >= 0xF0 ? 3 : *p >= 0xE0 ? 2 : *p >= 0xC0 ? 1 : 0;
        for (; more > 0; more--)
            if ((*++p & 0xC0) != 0x80)
                return false;
    }
    return true;
}

static void no_line_is_wider_than_asked(void **state)
{
    (void)state;
    const scl_progress lines[] = {{420, 1000, 0, 12.0, "verlust 0.1 · größe ½ 東京", false},
                                  {1, UINT64_MAX, 0, 1e300, "x", false},
                                  {5, 9, 0, NAN, "x", false},
                                  {5, 9, 0, -1.0, NULL, true},
                                  {5, 0, 0, INFINITY, "x", false}};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        for (int columns = -1; columns < 140; columns++) {
            char text[600];
            scl_progress_text(&lines[i], columns, text, sizeof text);
            assert_true(columns_of(text) <= (columns > 0 ? columns : 0));
            assert_true(is_whole_utf8(text));
        }
}

static void small_buffers_hold_a_whole_beginning(void **state)
{
    (void)state;
    const scl_progress p = {420, 1000, 0, 12.0, "größe ½", false};
    char whole[400];
    size_t length = scl_progress_text(&p, 80, whole, sizeof whole);
    for (size_t size = 1; size <= length + 1; size++) {
        char text[402];
        memset(text, '~', sizeof text);
        size_t used = scl_progress_text(&p, 80, text, size);
        assert_int_equal(used, strlen(text));
        assert_true(used < size && text[size] == '~');
        assert_memory_equal(text, whole, used);
        assert_true(is_whole_utf8(text));
    }
    assert_int_equal(scl_progress_text(&p, 80, NULL, 0), 0);
}

static void durations_read_naturally(void **state)
{
    (void)state;
    const struct {
        double seconds;
        const char *text;
    } cases[] = {{0, "00:00"},      {59.4, "00:59"},      {59.6, "01:00"},       {3599, "59:59"},
                 {3600, "1:00:00"}, {172799, "47:59:59"}, {172800, "2d 00h"},    {273600, "3d 04h"},
                 {-1, "--:--"},     {INFINITY, "--:--"},  {(double)NAN, "--:--"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[SCL_DURATION_TEXT];
        scl_duration_text(cases[i].seconds, text);
        assert_string_equal(text, cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_as_documented),
        cmocka_unit_test(a_run_that_goes_on_counts_its_own_time),
        cmocka_unit_test(whole_percents_are_rounded_down),
        cmocka_unit_test(no_line_is_wider_than_asked),
        cmocka_unit_test(small_buffers_hold_a_whole_beginning),
        cmocka_unit_test(durations_read_naturally),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
